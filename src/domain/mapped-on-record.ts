import type { MappingResponse } from '../contract/payload';

/** More than the mapper of ours ever names. */
const mostCategories = 20;
const longestId = 100;
const versionPattern = /^[\w.+-]{1,40}$/;

/** Where the mapper has led, by which versions: ids alone, since another's mapper may say anything. */
export function mappedOnRecord({ taxonomy, version_info: versions }: MappingResponse): {
  readonly categories: readonly string[];
  readonly data_versions: { readonly taxonomy: string | null; readonly frameworks: string | null };
} {
  return {
    categories: taxonomy.filter(({ length }) => length <= longestId).slice(0, mostCategories),
    data_versions: { taxonomy: versionIn(versions?.taxonomy), frameworks: versionIn(versions?.frameworks) },
  };
}

function versionIn(text: string | undefined): string | null {
  return text !== undefined && versionPattern.test(text) ? text : null;
}
