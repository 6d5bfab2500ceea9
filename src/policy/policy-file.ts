import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { type TenantPolicy, tenantPolicySchema } from '../contract/policy';
import { readText, refusal } from './bundle-paths';
import { jsonPointer, PolicyCompileError, type PolicyProblem, problem, type ProblemCode } from './problem';

export const policyFile = 'policy.yaml';

const maxBytes = 256 * 1024;
const maxDepth = 32;

/** Where in a file the value at a path stands, or its key; nulls where it does not. */
export type PlaceOf = (
  path: readonly PropertyKey[],
  part?: 'key' | 'value',
) => Pick<PolicyProblem, 'line' | 'column'>;

export interface PolicyDocument {
  readonly policy: TenantPolicy;
  readonly placeOf: PlaceOf;
}

/**
 * Reads a bundle's static fields (spec/orchestration.md 9.1).
 * @throws PolicyCompileError naming each unknown or wrong key with its line
 */
export async function readPolicyFile(bundleDir: string): Promise<PolicyDocument> {
  const root = await realpath(bundleDir).catch(() => {
    throw refusal(policyFile, 'is missing or cannot be read', 'missing_file');
  });
  return parsePolicyDocument(await readText(root, join(root, policyFile), maxBytes));
}

/** As {@link readPolicyFile}, with the YAML at hand. */
export function parsePolicy(yaml: string): TenantPolicy {
  return parsePolicyDocument(yaml).policy;
}

function parsePolicyDocument(yaml: string): PolicyDocument {
  const { value, placeOf } = parseYaml(yaml, policyFile);
  return { policy: policyOf(value, placeOf), placeOf };
}

/**
 * Static fields that are already values.
 * @throws PolicyCompileError naming each unknown or wrong key
 */
export function policyOf(
  value: unknown,
  placeOf: PlaceOf = () => ({ line: null, column: null }),
): TenantPolicy {
  const parsed = tenantPolicySchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new PolicyCompileError(parsed.error.issues.flatMap((issue) => problemsOf(issue, value, placeOf)));
}

/**
 * Reads a YAML file of a bundle, refusing what is not plain data: aliases without end, keys given twice, custom tags.
 * @throws PolicyCompileError
 */
export function parseYaml(text: string, file: string): { value: unknown; placeOf: PlaceOf } {
  const lines = new LineCounter();
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    const structural = structuralFaults(document).map(({ offset, ...fault }) => ({
      file,
      ...at(offset),
      ...fault,
    }));
    // What is too deep may have exhausted the parser too, anywhere.
    if (structural.some(({ code }) => code === 'too_deep')) throw new PolicyCompileError(structural);
    const faults = [
      ...[...document.errors, ...document.warnings].map(({ code, pos, message }) => ({
        code: code === 'DUPLICATE_KEY' ? ('duplicate_key' as const) : ('yaml_syntax' as const),
        file,
        ...at(pos[0]),
        message: firstLine(message),
      })),
      ...structural,
    ];
    if (faults.length > 0) throw new PolicyCompileError(faults);
    const placeOf: PlaceOf = (path, part) => {
      const offset = (part === 'key' ? keyOffsetOf(document, path) : null) ?? offsetOf(document, path);
      return offset === null ? { line: null, column: null } : at(offset);
    };
    return { value: document.toJS({ maxAliasCount: 50 }), placeOf };
  } catch (error) {
    if (error instanceof PolicyCompileError) throw error;
    // The library recurses on the way in, and counts aliases on the way out.
    if (error instanceof RangeError) throw refusal(file, tooDeep, 'too_deep');
    if (error instanceof ReferenceError)
      throw refusal(file, 'uses aliases so often that it looks like an attack', 'yaml_aliases');
    throw error;
  }
}

type ParsedYaml = ReturnType<typeof parseDocument>;
const tooDeep = `is nested more than ${maxDepth} levels deep`;

function structuralFaults(document: ParsedYaml) {
  const faults: { code: ProblemCode; offset: number; message: string }[] = [];
  visit(document, {
    Collection: (_key, node, parents) => {
      if (parents.filter(isNode).length <= maxDepth) return undefined;
      faults.push({ code: 'too_deep', offset: node.range?.[0] ?? 0, message: tooDeep });
      return visit.BREAK;
    },
    Alias: (_key, node, parents) => {
      const offset = node.range?.[0] ?? 0;
      const target = node.resolve(document);
      if (target === undefined) {
        faults.push({ code: 'yaml_syntax', offset, message: `there is no anchor ${node.source}` });
      } else if (parents.includes(target)) {
        faults.push({ code: 'yaml_aliases', offset, message: `the anchor ${node.source} holds itself` });
      }
    },
    Pair: (_key, { key }) => {
      if (!isScalar(key) || key.value !== '__proto__') return;
      const message = '__proto__ is a reserved name';
      faults.push({ code: 'reserved_key', offset: key.range?.[0] ?? 0, message });
    },
  });
  return faults;
}

function problemsOf(issue: z.core.$ZodIssue, value: unknown, placeOf: PlaceOf): PolicyProblem[] {
  if (issue.code !== 'unrecognized_keys') {
    const code = codeOf(issue, value);
    return [placed(code, issue.path, code === 'missing_key' ? 'is required' : issue.message, placeOf)];
  }
  return issue.keys.map((key) => {
    const owner = issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
    const path = [...issue.path, key];
    return {
      ...problem(policyFile, `${owner}Unrecognized key: "${key}"`, 'unknown_key'),
      ...placeOf(path, 'key'),
      path: jsonPointer(path),
    };
  });
}

function placed(
  code: ProblemCode,
  path: readonly PropertyKey[],
  message: string,
  placeOf: PlaceOf,
): PolicyProblem {
  const owner = path.length === 0 ? '' : `${path.join('.')}: `;
  return {
    ...problem(policyFile, `${owner}${message}`, code),
    ...placeOf(path),
    path: jsonPointer(path),
  };
}

function codeOf(issue: z.core.$ZodIssue, value: unknown): ProblemCode {
  const [top] = issue.path;
  if (issue.code === 'custom' && issue.path.at(-1) === 'weighted_requirements')
    return 'weights_not_normalized';
  if (issue.code === 'invalid_value' && String(top).startsWith('conflict_resolution'))
    return 'unknown_strategy';
  let found: unknown = value;
  for (const part of issue.path) found = (found as Record<PropertyKey, unknown> | null | undefined)?.[part];
  return found === undefined && issue.path.length > 0 ? 'missing_key' : 'invalid_value';
}

function keyOffsetOf(document: ParsedYaml, path: readonly PropertyKey[]): number | null {
  const owner: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!isMap(owner)) return null;
  const { key } = owner.items.find((pair) => isScalar(pair.key) && pair.key.value === path.at(-1)) ?? {};
  return isNode(key) ? (key.range?.[0] ?? null) : null;
}

/** Where the value at the path stands, or the nearest that encloses it. */
function offsetOf(document: ParsedYaml, path: readonly PropertyKey[]): number | null {
  for (let length = path.length; length > 0; length--) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return null;
}

function firstLine(message: string): string {
  return message.split('\n')[0]?.replace(/ at line \d+.*$/, '') ?? message;
}
