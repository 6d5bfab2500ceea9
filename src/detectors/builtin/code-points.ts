/**
 * Makes a converter from UTF-16 indices of `text` to Unicode code point indices, which is what findings are counted in.
 * One pass over the text, then a binary search a call. An index inside a surrogate pair counts as the end of the pair;
 * a lone surrogate counts as one code point. Indices beyond the text are cut off at its ends.
 */
export function codePointIndexer(text: string): (utf16Index: number) => number {
  const pairEnds = endsOfSurrogatePairs(text);
  return (utf16Index) => {
    const index = Math.max(0, Math.min(utf16Index, text.length));
    return index - countBelow(pairEnds, index);
  };
}

/** Indices of the second half of each surrogate pair, ascending. */
function endsOfSurrogatePairs(text: string): number[] {
  const ends: number[] = [];
  for (let index = 1; index < text.length; index += 1) {
    if (isLowSurrogate(text.charCodeAt(index)) && isHighSurrogate(text.charCodeAt(index - 1)))
      ends.push(index);
  }
  return ends;
}

/** How many of the ascending `values` are smaller than `limit`. */
function countBelow(values: readonly number[], limit: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? Infinity) < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;
