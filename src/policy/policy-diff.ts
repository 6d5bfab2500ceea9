import { createPatch } from 'diff';
import type { PolicyDiff } from '../contract/policy-store';
import { type RegoSource, sortedKeys } from './bundle';
import { changedTexts } from './changed-texts';

const ofOneText = { timeout: 100 };
/** Comparing texts takes the square of how much they differ, and nothing else is answered meanwhile. */
const allTexts = { ms: 500, length: 1024 * 1024 };

/** What is compared of a bundle. */
interface Side {
  /** Static fields, as far as they count. */
  readonly policy: object;
  readonly sources: readonly RegoSource[];
  readonly tests: readonly RegoSource[];
}

type Difference = Pick<PolicyDiff, 'fields' | 'rego'>;
type Json = PolicyDiff['fields'][number]['before'];

/** What one bundle says differently from another, defaults filled in; a list's order counts only where it means something. */
export function differences(before: Side, after: Side): Difference {
  return {
    fields: fieldsThatDiffer(before.policy, after.policy),
    rego: textsThatDiffer([...before.sources, ...before.tests], [...after.sources, ...after.tests]),
  };
}

function fieldsThatDiffer(before: object, after: object): Difference['fields'] {
  const [old, young] = [leavesOf(asJson(before)), leavesOf(asJson(after))];
  return [...new Set([...old.keys(), ...young.keys()])].toSorted().flatMap((path) => {
    const [was, is] = [old.get(path) ?? null, young.get(path) ?? null];
    if (JSON.stringify(was) === JSON.stringify(is)) return [];
    return [{ path, before: was, after: is, tendency: tendencyOf(path, was, is) }];
  });
}

/** Lists of names that are sets to the code that reads them. */
const sets = /^(?:required_detectors|optional_detectors|content_type_routing\.\w+|rbac_scopes)$/;

/** Values by dotted path; an empty object is none. */
function leavesOf(value: Json, path = ''): Map<string, Json> {
  if (!isObject(value)) {
    const kept = Array.isArray(value) && sets.test(path) ? value.toSorted() : value;
    return new Map([[path, kept]]);
  }
  const below = Object.entries(value).flatMap(([key, inner]) => [
    ...leavesOf(inner, path === '' ? key : `${path}.${key}`),
  ]);
  return new Map(below);
}

/** Whether more or less is let through afterwards, where that can be said of one field. */
function tendencyOf(path: string, before: Json, after: Json): 'stricter' | 'looser' | null {
  if (path === 'coverage_calculation.partial_coverage_threshold')
    return Number(after) > Number(before) ? 'stricter' : 'looser';
  if (path === 'required_detectors') return bySize(namesIn(before), namesIn(after));
  if (path === 'conflict_resolution' || path.startsWith('conflict_resolution_overrides.')) {
    if (after === 'most_restrictive') return 'stricter';
    return before === 'most_restrictive' ? 'looser' : null;
  }
  return null;
}

/** Only where one is part of the other. */
function bySize(before: ReadonlySet<Json>, after: ReadonlySet<Json>): 'stricter' | 'looser' | null {
  if ([...before].every((name) => after.has(name))) return 'stricter';
  return [...after].every((name) => before.has(name)) ? 'looser' : null;
}

function namesIn(value: Json): ReadonlySet<Json> {
  return new Set(Array.isArray(value) ? value : []);
}

function textsThatDiffer(
  before: readonly RegoSource[],
  after: readonly RegoSource[],
): Record<string, string> {
  const start = performance.now();
  let length = 0;
  const shown = changedTexts(before, after).map(({ path, before: old = '', after: young = '' }) => {
    const late = performance.now() - start > allTexts.ms;
    const patch = late ? undefined : createPatch(path, old, young, '', '', ofOneText);
    length += patch?.length ?? 0;
    return [path, length > allTexts.length ? notShown(path) : (patch ?? notShown(path))];
  });
  return Object.fromEntries(shown) as Record<string, string>;
}

function notShown(path: string): string {
  return `--- ${path}\n+++ ${path}\n(too different to show)\n`;
}

function isObject(value: Json): value is Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asJson(value: object): Json {
  return JSON.parse(JSON.stringify(value, sortedKeys)) as Json;
}
