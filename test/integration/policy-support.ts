import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Bundle, bundleDigest, type RegoSource } from '../../src/policy/bundle';
import { compileRego } from '../../src/policy/compile';
import { PolicyCompiler } from '../../src/policy/policy-compiler';
import { type DetectorRegistration, detectorRegistrationSchema } from '../../src/contract/registration';
import { loadRegoModule } from '../../src/policy/rego-module';
import { samplePolicy } from '../unit/policy/samples';

export const projectRoot = join(__dirname, '..', '..');
export const opaBin = process.env.CONCLAVE_OPA_BIN ?? join(projectRoot, '.tools', 'bin', 'opa');
const opaPath = () => Promise.resolve(opaBin);

export async function compileBundle(
  sources: readonly RegoSource[],
  policy = samplePolicy(),
): Promise<Bundle> {
  const wasm = await compileRego(opaBin, sources);
  return { policy, digest: bundleDigest(policy, sources), wasm, rules: loadRegoModule(wasm).rules };
}

/** A bundle of one Rego text, whose first line is `package orchestration`. */
export function compileRules(rules: string): Promise<Bundle> {
  return compileBundle([{ path: 'policy.rego', text: `package orchestration\n${rules}` }]);
}

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

/** Writes files into a new temporary folder, which goes with the test file, and returns it. */
export function folderOf(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'policies-'));
  folders.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

/** With a cache of its own, unless one is given. */
export function compilerWith(options: { cacheDir?: string; opaPath?: () => Promise<string> } = {}) {
  return new PolicyCompiler({
    cacheDir: options.cacheDir ?? folderOf({}),
    opaPath: options.opaPath ?? opaPath,
  });
}

/** A registered detector that reads text, documents and code. */
export function registration(name: string, fields: Partial<DetectorRegistration> = {}): DetectorRegistration {
  return {
    ...detectorRegistrationSchema.parse({
      name,
      endpoint: `http://${name}.test`,
      capabilities: { supported_content_types: ['text', 'document', 'code'] },
    }),
    ...fields,
  };
}
