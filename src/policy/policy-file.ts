import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { type TenantPolicy, tenantPolicySchema } from '../contract/policy';
import { PolicyCompileError, type PolicyProblem, problem } from './problem';

export const policyFile = 'policy.yaml';

/**
 * Reads a bundle's static fields (spec/orchestration.md 9.1).
 * @throws PolicyCompileError naming each unknown or wrong key with its line
 */
export async function readPolicyFile(bundleDir: string): Promise<TenantPolicy> {
  const text = await readFile(join(bundleDir, policyFile), 'utf8').catch(() => {
    throw new PolicyCompileError([problem(policyFile, 'is missing or cannot be read')]);
  });
  return parsePolicy(text);
}

/** As {@link readPolicyFile}, with the YAML at hand. */
export function parsePolicy(yaml: string): TenantPolicy {
  const lines = new LineCounter();
  const document = parseDocument(yaml, { lineCounter: lines });
  const placed = (offset: number, message: string): PolicyProblem => {
    const { line, col } = lines.linePos(offset);
    return { file: policyFile, line, column: col, message };
  };
  if (document.errors.length > 0) {
    throw new PolicyCompileError(
      document.errors.map(({ pos, message }) => placed(pos[0], firstLine(message))),
    );
  }
  const parsed = tenantPolicySchema.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  throw new PolicyCompileError(
    parsed.error.issues.map((issue) => {
      const offset = offsetOf(document, issue.path);
      const message = describe(issue);
      return offset === null ? problem(policyFile, message) : placed(offset, message);
    }),
  );
}

function describe({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `${path.join('.')}: ${message}`;
}

/** Where the value at the path stands, or the nearest that encloses it. */
function offsetOf(document: ReturnType<typeof parseDocument>, path: readonly PropertyKey[]): number | null {
  for (let length = path.length; length > 0; length--) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return null;
}

function firstLine(message: string): string {
  return message.split('\n')[0]?.replace(/ at line \d+.*$/, '') ?? message;
}
