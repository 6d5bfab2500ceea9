/** Of the binary format of WebAssembly (core specification 2.0, chapter 5), what metering needs. */
export const sections = { import: 2, global: 6, export: 7, code: 10 } as const;

export const opcodes = {
  unreachable: 0x00,
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  globalGet: 0x23,
  globalSet: 0x24,
  i32const: 0x41,
  i32lts: 0x48,
  i32sub: 0x6b,
  /** The type of a block without a result. */
  empty: 0x40,
} as const;

/** Opcodes that are followed by a number which says what they are. */
export const prefix = 0xfc;

/** What follows an opcode. `leb`: an integer of variable length, or the type of a block, which is coded like one. */
export type Immediate = 'leb' | 'byte' | 'f32' | 'f64' | 'targets' | 'types';

/** By opcode; undefined for one that is not known here. */
export const immediates: readonly (readonly Immediate[] | undefined)[] = table(256, [
  [[0x00, 0x01, 0x05, 0x0b, 0x0f, 0x1a, 0x1b, 0xd1, ...range(0x45, 0xc4)], []],
  [[0x02, 0x03, 0x04, 0x0c, 0x0d, 0x10, ...range(0x20, 0x26), 0x41, 0x42, 0xd2], ['leb']],
  [[0x0e], ['targets', 'leb']],
  [
    [0x11, ...range(0x28, 0x3e)],
    ['leb', 'leb'],
  ],
  [[0x1c], ['types']],
  [[0x3f, 0x40, 0xd0], ['byte']],
  [[0x43], ['f32']],
  [[0x44], ['f64']],
]);

/** The same by the number after {@link prefix}. */
export const prefixedImmediates: readonly (readonly Immediate[] | undefined)[] = table(18, [
  [range(0, 7), []],
  [[8], ['leb', 'byte']],
  [[9, 13, ...range(15, 17)], ['leb']],
  [[10], ['byte', 'byte']],
  [[11], ['byte']],
  [
    [12, 14],
    ['leb', 'leb'],
  ],
]);

function table(
  size: number,
  rows: readonly (readonly [readonly number[], readonly Immediate[]])[],
): (readonly Immediate[] | undefined)[] {
  const filled = new Array<readonly Immediate[] | undefined>(size).fill(undefined);
  for (const [codes, following] of rows) for (const code of codes) filled[code] = following;
  return filled;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
