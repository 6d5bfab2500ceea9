import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** `!reset` takes away what the file below set. */
const reset = Symbol('reset');
const customTags = [
  { tag: '!reset', resolve: () => reset },
  { tag: '!reset', collection: 'seq', resolve: () => reset },
];

/** One compose file, or several merged as compose merges them: maps by key, everything else by the later file. */
export function readCompose(files) {
  return files
    .map((file) => parse(readFileSync(file, 'utf8'), { merge: true, customTags }))
    .reduce(mergeMaps);
}

/** What is left of a document for the schema to judge: `!reset` marks are the merge's business. */
export function withoutResets(value) {
  if (Array.isArray(value)) return value.map(withoutResets);
  if (!isMap(value)) return value;
  const kept = Object.entries(value).filter(([, inner]) => inner !== reset);
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutResets(inner)]));
}

/** Text with `${NAME:-default}` filled in: defaults where there are any, else `example`. */
export function interpolate(text, example) {
  return String(text).replace(/\$\{\w+(?::?-([^}]*)|:?\?[^}]*)?\}/g, (_, fallback) => fallback ?? example);
}

function mergeMaps(below, above) {
  if (!isMap(below) || !isMap(above)) return above;
  const merged = { ...below };
  for (const [key, value] of Object.entries(above)) {
    if (value === reset) delete merged[key];
    else merged[key] = key in below ? mergeMaps(below[key], value) : value;
  }
  return merged;
}

function isMap(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
