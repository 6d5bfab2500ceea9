import { type Immediate, immediates, prefix, prefixedImmediates } from './wasm-format';

const magicAndVersion = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const kinds = ['function', 'table', 'memory', 'global'] as const;

/** Walks over a module's bytes, forward only. What it does not understand it refuses with a RangeError. */
export class WasmReader {
  at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  header(): void {
    for (const byte of magicAndVersion) if (this.byte() !== byte) throw new RangeError('not a WASM module');
  }

  section(): { readonly id: number; readonly body: Uint8Array } {
    const id = this.byte();
    const size = this.unsigned();
    const body = this.bytes.subarray(this.at, this.at + size);
    this.skip(size);
    return { id, body };
  }

  byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw new RangeError('the module ends early');
    this.at += 1;
    return byte;
  }

  unsigned(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number is too long');
  }

  skip(count: number): void {
    this.at += count;
    if (this.at > this.bytes.length) throw new RangeError('the module ends early');
  }

  /** Walks over an import. @returns what it imports */
  importEntry(): (typeof kinds)[number] {
    this.skip(this.unsigned());
    this.skip(this.unsigned());
    const kind = kinds[this.byte()];
    if (kind === undefined) throw new RangeError('imports something unknown');
    if (kind === 'function') this.#leb();
    else if (kind === 'global') this.skip(2);
    else {
      if (kind === 'table') this.skip(1);
      const hasMaximum = (this.byte() & 1) === 1;
      this.#leb();
      if (hasMaximum) this.#leb();
    }
    return kind;
  }

  /** Walks over the declarations at the beginning of a function. */
  locals(): void {
    for (let groups = this.unsigned(); groups > 0; groups--) {
      this.#leb();
      this.skip(1);
    }
  }

  /** Walks over one instruction. @returns its opcode */
  instruction(): number {
    const opcode = this.byte();
    const following = opcode === prefix ? prefixedImmediates[this.unsigned()] : immediates[opcode];
    if (following === undefined) throw new RangeError(`unknown instruction 0x${opcode.toString(16)}`);
    for (const immediate of following) this.#immediate(immediate);
    return opcode;
  }

  #immediate(kind: Immediate): void {
    switch (kind) {
      case 'leb':
        return this.#leb();
      case 'byte':
        return this.skip(1);
      case 'f32':
        return this.skip(4);
      case 'f64':
        return this.skip(8);
      case 'types':
        return this.skip(this.unsigned());
      case 'targets':
        for (let left = this.unsigned(); left > 0; left--) this.#leb();
    }
  }

  /** Any integer, and also the type of a block, which is coded like one. */
  #leb(): void {
    while (this.byte() >= 0x80);
  }
}

/** As the format writes numbers that are not negative. */
export function unsigned(value: number): number[] {
  const low = value & 0x7f;
  return value < 0x80 ? [value] : [low | 0x80, ...unsigned(value >>> 7)];
}

export function vector(bytes: readonly number[]): number[] {
  return [...unsigned(bytes.length), ...bytes];
}
