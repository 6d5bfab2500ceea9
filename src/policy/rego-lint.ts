import type { ContentRoutingInput } from '../contract/content-routing';
import type { ConflictInput, CoverageInput, SelectionInput } from '../contract/decisions';
import type { FailureInput } from '../contract/failure-decision';
import { contentTypes, coverageMethods, environments, priorities } from '../contract/enums';
import { type DecisionName, decisionNames, type RegoSource } from './bundle';
import { problemsOfCheck } from './compile';
import { type OpaWorkspace, withOpaWorkspace } from './opa';
import type { PolicyProblem } from './problem';
import { type Place, placeSchema, type Rule, rulesIn, rulesUsed } from './rego-rules';

type InputField =
  | keyof SelectionInput
  | keyof ContentRoutingInput
  | keyof FailureInput
  | keyof CoverageInput
  | keyof ConflictInput;
const text = { type: 'string' };
const anything = {};

/** All that any decision's input has, so that a reference to something else is seen for what it is. */
const inputFields: Readonly<Record<InputField, object>> = {
  tenant_id: text,
  policy_bundle: text,
  environment: text,
  content_type: text,
  content_length: { type: 'number' },
  priority: text,
  candidate_detectors: anything,
  required_detectors: { type: 'array', items: text },
  excluded_detectors: { type: 'array', items: text },
  coverage_method: text,
  coverage_achieved: { type: 'number' },
  threshold: { type: 'number' },
  results: anything,
  detector_outputs: anything,
  weights: anything,
  content: {
    type: 'object',
    properties: {
      length: { type: 'number' },
      mime: text,
      language: anything,
      script: anything,
      code_share: { type: 'number' },
    },
    additionalProperties: false,
  },
  failures: anything,
  policy: anything,
};
const schemaFile = 'input-schema.json';
const inputSchema = { type: 'object', properties: inputFields, additionalProperties: false };

const closedFields: Readonly<Record<string, readonly string[]>> = {
  content_type: contentTypes,
  environment: environments,
  priority: priorities,
  coverage_method: [...coverageMethods, 'weighted', 'taxonomy'],
};

export interface RegoLint {
  readonly warnings: readonly PolicyProblem[];
  /** Where each decision is defined first. */
  readonly places: Readonly<Partial<Record<DecisionName, Pick<PolicyProblem, 'file' | 'line' | 'column'>>>>;
}

/** Rules that compile and yet never matter: no decision asks them, or they ask what no input has. */
export async function lintRego(
  opaPath: string,
  sources: readonly RegoSource[],
  decisions: readonly DecisionName[],
): Promise<RegoLint> {
  return withOpaWorkspace(opaPath, sources, async (workspace) => {
    const rules = await rulesIn(workspace, sources);
    return {
      warnings: [
        ...(await unreachableRules(workspace, rules, decisions)),
        ...(await unknownInputs(workspace, sources)),
        ...rules.flatMap(({ node }) => impossibleComparisons(node)),
      ],
      places: Object.fromEntries(
        decisionNames.flatMap((decision) => {
          const rule = rules.find(
            ({ ref }) => ref.slice(0, 3).join('.') === `data.orchestration.${decision}`,
          );
          return rule ? [[decision, placeOf(rule.place)]] : [];
        }),
      ),
    };
  });
}

async function unreachableRules(
  workspace: OpaWorkspace,
  rules: readonly Rule[],
  decisions: readonly DecisionName[],
): Promise<PolicyProblem[]> {
  const used = new Set((await rulesUsed(workspace, rules, decisions)).map(nameOf));
  const told = new Set<string>();
  return rules.flatMap((rule) => {
    const name = nameOf(rule);
    if (used.has(name) || told.has(name)) return [];
    told.add(name);
    return [
      { code: 'unreachable_rule' as const, ...placeOf(rule.place), message: `no decision uses ${name}` },
    ];
  });
}

function nameOf({ ref }: Rule): string {
  return ref.slice(1).join('.');
}

async function unknownInputs(
  workspace: OpaWorkspace,
  sources: readonly RegoSource[],
): Promise<PolicyProblem[]> {
  await workspace.write(schemaFile, JSON.stringify(inputSchema));
  const output = await workspace.run('check', '--schema', schemaFile, '--format', 'json');
  if (output.exitCode === 0 || output.exhausted) return [];
  return problemsOfCheck(output, sources).map((fault) => ({ ...fault, code: 'unknown_input' }));
}

interface Node {
  readonly type?: unknown;
  readonly value?: unknown;
  readonly terms?: unknown;
  readonly location?: unknown;
}

/** Deeper than what people write; what walks a tree must not exhaust the stack. */
const maxNesting = 500;

/** `input.content_type == "video"`: compared with what it never is. */
function impossibleComparisons(node: unknown, depth = 0): PolicyProblem[] {
  if (typeof node !== 'object' || node === null || depth > maxNesting) return [];
  const { type, value, terms } = node as Node;
  const call = Array.isArray(terms) ? terms : type === 'call' && Array.isArray(value) ? value : [];
  return [
    ...comparison(call as readonly Node[]),
    ...Object.values(node).flatMap((inner) => impossibleComparisons(inner, depth + 1)),
  ];
}

function comparison([operator, left, right]: readonly Node[]): PolicyProblem[] {
  const name = refText(operator);
  if (!left || !right) return [];
  if (name === 'internal.member_2') return strangers(left, itemsOf(right));
  if (!['equal', 'eq', 'neq', 'assign'].includes(name)) return [];
  return [...strangers(left, [right]), ...strangers(right, [left])];
}

function strangers(field: Node, values: readonly Node[]): PolicyProblem[] {
  const [, key] = /^input\.(\w+)$/.exec(refText(field)) ?? [];
  const known = key === undefined || !Object.hasOwn(closedFields, key) ? undefined : closedFields[key];
  if (!known) return [];
  return values.flatMap(({ type, value, location }) => {
    const place = placeSchema.safeParse(location);
    if (type !== 'string' || known.includes(String(value)) || !place.success) return [];
    const message = `input.${key} is never ${JSON.stringify(value)}, only ${known.join(', ')}`;
    return [{ code: 'never_true' as const, ...placeOf(place.data), message }];
  });
}

function itemsOf({ type, value }: Node): Node[] {
  return (type === 'array' || type === 'set') && Array.isArray(value) ? (value as Node[]) : [];
}

function refText(node: Node | undefined): string {
  if (node?.type !== 'ref' || !Array.isArray(node.value)) return '';
  return (node.value as Node[]).map(({ value }) => String(value)).join('.');
}

function placeOf({ file, row, col }: Place) {
  return { file, line: row, column: col };
}
