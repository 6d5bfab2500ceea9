import { fuelExport } from './fuel';
import { formatted } from './sprintf';

/** Memory of one module in pages of 64 KiB: 16 MiB at most, so that a greedy policy traps instead of starving others. */
const mostPages = 256;
/** What it has from the start, its constants included; touched pages alone cost memory. */
const leastPages = 32;
const pageBytes = 64 * 1024;
const maxDecisionBytes = 64 * 1024;
/** What leaving the module costs, and then every character; about the time that as many steps in it take. */
const fuelPerCall = 1000;
const fuelPerCharacter = 10;

/** The policy has used up what it may. */
export class OutOfFuelError extends Error {
  override readonly name = 'OutOfFuelError';
  constructor() {
    super('the policy takes too long');
  }
}

type Call = (...args: number[]) => number;

interface Exports {
  readonly opa_eval: Call;
  readonly opa_malloc: Call;
  readonly opa_json_parse: Call;
  readonly opa_json_dump: Call;
  readonly opa_heap_ptr_get: Call;
  readonly entrypoints: Call;
  readonly builtins: Call;
  readonly [fuelExport]: { value: number };
}

/**
 * A metered module of `opa build -t wasm`, by its ABI 1.2
 * (https://www.openpolicyagent.org/docs/wasm). The public SDK was left because it neither bounds what a policy formats or
 * returns nor keeps what it prints out of our output. Not to be used again after a throw: its memory is in any state then.
 */
export class RegoHost {
  readonly #memory = new WebAssembly.Memory({ initial: leastPages, maximum: mostPages });
  readonly #exports: Exports;
  readonly #builtins: ReadonlyMap<number, string>;
  readonly #data: number;
  readonly #heap: number;
  /** Number by path of the rule. */
  readonly entrypoints: Readonly<Record<string, number>>;

  /** @throws when the module is none of a policy */
  constructor(module: WebAssembly.Module) {
    const instance = new WebAssembly.Instance(module, { env: this.#environment() });
    this.#exports = instance.exports as unknown as Exports;
    const builtins = this.#dump(this.#exports.builtins()) as Record<string, number>;
    this.#builtins = new Map(Object.entries(builtins).map(([name, id]) => [id, name]));
    this.entrypoints = this.#dump(this.#exports.entrypoints()) as Record<string, number>;
    this.#data = this.#load('{}');
    this.#heap = this.#exports.opa_heap_ptr_get();
  }

  /**
   * @param input JSON
   * @param fuel how often functions may be entered and loops go round
   * @returns the rule's value, or `undefined` when nothing in the policy gives it one
   * @throws OutOfFuelError, or what the policy traps with
   */
  evaluate(entrypoint: number, input: Uint8Array, fuel: number): unknown {
    this.#exports[fuelExport].value = fuel;
    try {
      this.#place(input, this.#heap);
      const heap = this.#heap + input.byteLength;
      const result = this.#exports.opa_eval(0, entrypoint, this.#data, this.#heap, input.byteLength, heap, 0);
      return (JSON.parse(this.#text(result, maxDecisionBytes)) as { result: unknown }[])[0]?.result;
    } catch (error) {
      throw this.#exports[fuelExport].value < 0 ? new OutOfFuelError() : error;
    }
  }

  #environment(): WebAssembly.ModuleImports {
    const call = (id: number, _context: number, ...args: number[]) => this.#call(id, args);
    return {
      memory: this.#memory,
      opa_abort: (address: number) => {
        throw new Error(this.#text(address, maxDecisionBytes));
      },
      opa_println: () => undefined,
      ...Object.fromEntries([0, 1, 2, 3, 4].map((arity) => [`opa_builtin${arity}`, call])),
    };
  }

  #call(id: number, args: readonly number[]): number {
    const name = this.#builtins.get(id);
    const [format, values] = args;
    if (name !== 'sprintf' || format === undefined || values === undefined)
      throw new Error(`calls ${name ?? 'a function'}, which policies have not`);
    const [formatJson, valuesJson] = [this.#json(format), this.#json(values)];
    // What is done out here costs as if it were done in there, and is paid in advance.
    this.#charge(fuelPerCall + fuelPerCharacter * (formatJson.length + valuesJson.length));
    const text = formatted(JSON.parse(formatJson), JSON.parse(valuesJson));
    this.#charge(fuelPerCharacter * text.length);
    return this.#load(JSON.stringify(text));
  }

  #charge(fuel: number): void {
    this.#exports[fuelExport].value -= fuel;
    if (this.#exports[fuelExport].value < 0) throw new OutOfFuelError();
  }

  #dump(value: number): unknown {
    return JSON.parse(this.#json(value));
  }

  #json(value: number): string {
    return this.#text(this.#exports.opa_json_dump(value), mostPages * pageBytes);
  }

  #load(json: string): number {
    const bytes = new TextEncoder().encode(json);
    const address = this.#exports.opa_malloc(bytes.byteLength);
    this.#place(bytes, address);
    return this.#exports.opa_json_parse(address, bytes.byteLength);
  }

  #place(bytes: Uint8Array, address: number): void {
    const missing = address + bytes.byteLength - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / pageBytes));
    new Uint8Array(this.#memory.buffer).set(bytes, address);
  }

  /** The string at the address, which a zero ends. */
  #text(address: number, maxBytes: number): string {
    const bytes = new Uint8Array(this.#memory.buffer, address);
    const length = bytes.subarray(0, maxBytes + 1).indexOf(0);
    if (length === -1) throw new Error(`says more than ${maxBytes} bytes`);
    return new TextDecoder().decode(bytes.subarray(0, length));
  }
}
