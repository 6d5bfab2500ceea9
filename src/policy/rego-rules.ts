import { z } from 'zod';
import type { DecisionName, RegoSource } from './bundle';
import { type OpaWorkspace, parsedAs } from './opa';

export const placeSchema = z.object({
  file: z.string(),
  row: z.number(),
  col: z.number(),
  /** Base64 of the source. */
  text: z.string().default(''),
});
export type Place = z.output<typeof placeSchema>;

const refSchema = z.array(z.looseObject({ type: z.string(), value: z.unknown() }));
const ruleSchema = z.looseObject({
  location: placeSchema,
  head: z.looseObject({ ref: refSchema, location: placeSchema }),
});
const moduleSchema = z.looseObject({
  package: z.looseObject({ path: refSchema }),
  rules: z.array(ruleSchema).default([]),
});
const depsSchema = z.object({ virtual: z.array(refSchema).default([]) });

/** One definition of a rule; a name may have several. */
export interface Rule {
  /** `data`, package, then the name as far as it is fixed. */
  readonly ref: readonly string[];
  /** Of its head. */
  readonly place: Place;
  readonly lastLine: number;
  /** As OPA parses it. */
  readonly node: unknown;
}

export async function rulesIn(workspace: OpaWorkspace, sources: readonly RegoSource[]): Promise<Rule[]> {
  const rules: Rule[] = [];
  for (const { path } of sources) {
    const locations = ['--json-include', 'locations,-comments'];
    const { stdout } = await workspace.ask('parse', '--format', 'json', ...locations, path);
    const parsed = parsedAs(stdout, moduleSchema);
    if (!parsed) continue;
    const base = parsed.package.path.map(({ value }) => String(value));
    for (const rule of parsed.rules) {
      const { ref, location } = rule.head;
      const open = ref.findIndex(({ type }, index) => index > 0 && type !== 'string');
      const name = ref.slice(0, open < 0 ? ref.length : open).map(({ value }) => String(value));
      const lines = Buffer.from(rule.location.text, 'base64').toString('utf8').split('\n').length;
      const lastLine = rule.location.row + lines - 1;
      rules.push({ ref: [...base, ...name], place: location, lastLine, node: rule });
    }
  }
  return rules;
}

/** Those of the rules that the decisions ask, directly or through others. */
export async function rulesUsed(
  workspace: OpaWorkspace,
  rules: readonly Rule[],
  decisions: readonly DecisionName[],
): Promise<readonly Rule[]> {
  const query = decisions.map((decision) => `data.orchestration.${decision}`).join('; ');
  const files = new Set(rules.map(({ place }) => place.file));
  const data = [...files].flatMap((file) => ['--data', file]);
  const output = await workspace.ask('deps', '--format', 'json', ...data, query);
  const found = output.exitCode === 0 ? parsedAs(output.stdout, depsSchema) : undefined;
  if (!found) return rules;
  const asked = [
    ...found.virtual.map((ref) => ref.map(({ value }) => String(value))),
    ...decisions.map((decision) => ['data', 'orchestration', decision]),
  ];
  return rules.filter(({ ref }) => asked.some((other) => startsLike(ref, other)));
}

function startsLike(a: readonly string[], b: readonly string[]): boolean {
  const length = Math.min(a.length, b.length);
  return a.slice(0, length).join('\n') === b.slice(0, length).join('\n');
}
