import { codePointLength } from '../contract/text';

/** An offset of a detector in code points; null when it points into the middle of a character or past the end. */
export function codePointOffset(
  text: string,
  offset: number,
  unit: 'code_points' | 'utf16' | 'bytes',
): number | null {
  if (unit === 'code_points') return offset;
  if (unit === 'utf16') return offset <= text.length ? codePointLength(text.slice(0, offset)) : null;
  const bytes = Buffer.from(text);
  if (offset > bytes.length) return null;
  const startsCharacter = offset === bytes.length || (bytes[offset]! & 0xc0) !== 0x80;
  return startsCharacter ? codePointLength(bytes.subarray(0, offset).toString()) : null;
}
