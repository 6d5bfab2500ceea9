/**
 * Translates a detector's offsets into code points; made once for a text, however many findings point into it.
 * @returns for an offset, null when it points into the middle of a character or past the end
 */
export function codePointOffsets(
  text: string,
  unit: 'code_points' | 'utf16' | 'bytes',
): (offset: number) => number | null {
  const codePointAt = new Map<number, number>();
  let offset = 0;
  let codePoints = 0;
  for (const character of text) {
    codePointAt.set(offset, codePoints);
    offset += unit === 'code_points' ? 1 : unit === 'utf16' ? character.length : Buffer.byteLength(character);
    codePoints++;
  }
  codePointAt.set(offset, codePoints);
  return (at) => codePointAt.get(at) ?? null;
}
