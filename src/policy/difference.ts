import { createTwoFilesPatch } from 'diff';
import type { TenantPolicy } from '../contract/policy';
import type { RegoSource } from './bundle';
import { changedTexts } from './changed-texts';

/** Whether more or less is let through afterwards, where that can be said of one field. */
export type Tendency = 'stricter' | 'looser' | null;

export interface FieldChange {
  /** `coverage_calculation.partial_coverage_threshold` */
  readonly field: string;
  /** Null: not there. */
  readonly from: unknown;
  readonly to: unknown;
  readonly tendency: Tendency;
}

export interface RegoChange {
  readonly file: string;
  readonly change: 'added' | 'removed' | 'changed';
  /** Unified diff. */
  readonly patch: string;
}

export interface Difference {
  readonly fields: readonly FieldChange[];
  readonly rego: readonly RegoChange[];
}

interface Side {
  readonly policy: TenantPolicy;
  readonly sources: readonly RegoSource[];
}

/** What changes from one bundle to another, defaults filled in; a list's order counts only where it means something. */
export function differenceOf(from: Side, to: Side): Difference {
  const [before, after] = [leavesOf(from.policy), leavesOf(to.policy)];
  const fields = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  return {
    fields: fields.flatMap((field) => {
      const [old, now] = [before.get(field) ?? null, after.get(field) ?? null];
      if (JSON.stringify(old) === JSON.stringify(now)) return [];
      return [{ field, from: old, to: now, tendency: tendencyOf(field, old, now) }];
    }),
    rego: regoChanges(from.sources, to.sources),
  };
}

/** Lists of names that are sets to the code that reads them. */
const sets = /^(?:required_detectors|optional_detectors|content_type_routing\.\w+|rbac_scopes)$/;

function leavesOf(value: unknown, path = ''): Map<string, unknown> {
  const isLeaf =
    typeof value !== 'object' || value === null || Array.isArray(value) || Object.keys(value).length === 0;
  if (isLeaf) {
    const kept = Array.isArray(value) && sets.test(path) ? [...(value as string[])].toSorted() : value;
    return new Map(isEmptyObject(kept) ? [] : [[path, kept]]);
  }
  const below = Object.entries(value).flatMap(([key, inner]) => [
    ...leavesOf(inner, path === '' ? key : `${path}.${key}`),
  ]);
  return new Map(below);
}

function isEmptyObject(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
  );
}

function tendencyOf(field: string, from: unknown, to: unknown): Tendency {
  if (field === 'coverage_calculation.partial_coverage_threshold') return byNumber(Number(from), Number(to));
  if (field === 'required_detectors') return bySize(from, to);
  if (field === 'conflict_resolution' || field.startsWith('conflict_resolution_overrides.')) {
    if (to === 'most_restrictive') return 'stricter';
    return from === 'most_restrictive' ? 'looser' : null;
  }
  return null;
}

function byNumber(from: number, to: number): Tendency {
  return to > from ? 'stricter' : 'looser';
}

/** Only where one is part of the other. */
function bySize(from: unknown, to: unknown): Tendency {
  const [old, now] = [new Set(from as string[] | null), new Set(to as string[] | null)];
  if ([...old].every((name) => now.has(name))) return 'stricter';
  return [...now].every((name) => old.has(name)) ? 'looser' : null;
}

function regoChanges(from: readonly RegoSource[], to: readonly RegoSource[]): RegoChange[] {
  return changedTexts(from, to).map(({ path: file, before, after }) => ({
    file,
    change: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed',
    patch: createTwoFilesPatch(file, file, before ?? '', after ?? '', '', ''),
  }));
}
