import type { RegoSource } from './bundle';

/** A file whose text is another, or which only one side has. */
export interface ChangedText {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** What differs between the files of two bundles, by path. */
export function changedTexts(before: readonly RegoSource[], after: readonly RegoSource[]): ChangedText[] {
  const [old, young] = [textsOf(before), textsOf(after)];
  return [...new Set([...old.keys(), ...young.keys()])]
    .toSorted()
    .map((path) => ({ path, before: old.get(path), after: young.get(path) }))
    .filter((text) => text.before !== text.after);
}

function textsOf(sources: readonly RegoSource[]): Map<string, string> {
  return new Map(sources.map(({ path, text }) => [path, text]));
}
