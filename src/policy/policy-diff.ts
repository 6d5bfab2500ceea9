import { createPatch } from 'diff';
import type { PolicyDiff } from '../contract/policy-store';
import { type RegoSource, sortedKeys } from './bundle';
import type { BundleDocument } from './bundle-document';
import { changedTexts } from './changed-texts';

const ofOneText = { timeout: 100 };
/** Comparing texts takes the square of how much they differ, and nothing else is answered meanwhile. */
const allTexts = { ms: 500, length: 1024 * 1024 };

/** What one version says differently from another; their numbers do not count. */
export function differences(
  before: BundleDocument,
  after: BundleDocument,
): Pick<PolicyDiff, 'fields' | 'rego'> {
  const { version: _before, ...old } = before.bundle.policy;
  const { version: _after, ...young } = after.bundle.policy;
  return {
    fields: fieldsThatDiffer('', asJson(old), asJson(young)),
    rego: textsThatDiffer([...before.sources, ...before.tests], [...after.sources, ...after.tests]),
  };
}

type Json = PolicyDiff['fields'][number]['before'];

function fieldsThatDiffer(path: string, before: Json, after: Json): PolicyDiff['fields'] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (!isObject(before) || !isObject(after)) return [{ path, before, after }];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
  return keys.flatMap((key) =>
    fieldsThatDiffer(path === '' ? key : `${path}.${key}`, before[key] ?? null, after[key] ?? null),
  );
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
