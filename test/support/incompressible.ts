/** Code points beyond the basic plane, drawn by a generator with a fixed seed: 20 bits each, so that no compression helps. */
export function incompressible(codePoints: number): string {
  let state = 0x2545f491;
  return Array.from({ length: codePoints }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return String.fromCodePoint(0x10000 + ((state >>> 0) % 0x100000));
  }).join('');
}
