import { fuelExport } from '../../../src/policy/fuel';
import { unsigned, vector } from '../../../src/policy/wasm-reader';

const at = { builtins: 16, entrypoints: 48, allocated: 16_384, heap: 32_768, format: 1024, values: 2048 };
const pageBytes = 64 * 1024;

/**
 * A module with the ABI of OPA's, whose values are their JSON, with the rule `selection`: that calls `sprintf`, and is
 * undefined.
 * @param pages of memory that it asks for, for its constants
 */
export function fakeModule({
  pages = 1,
  format = '',
  values = [] as unknown[],
} = {}): Uint8Array<ArrayBuffer> {
  const [nullary, unary, builtin] = [0, 1, 2];
  const functions = [
    { name: 'builtins', type: nullary, code: constant(at.builtins) },
    { name: 'entrypoints', type: nullary, code: constant(at.entrypoints) },
    { name: 'opa_malloc', type: nullary, code: constant(at.allocated) },
    { name: 'opa_heap_ptr_get', type: nullary, code: constant(at.heap) },
    { name: 'opa_json_dump', type: unary, code: [0x20, 0] },
    { name: 'opa_json_parse', type: unary, code: [0x20, 0] },
    {
      name: 'opa_eval',
      type: nullary,
      code: [...[0, 0, at.format, at.values].flatMap(constant), 0x10, 0],
    },
  ];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [
      [0x60, 0, 1, 0x7f],
      [0x60, 1, 0x7f, 1, 0x7f],
      [0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f],
    ]),
    ...section(2, [
      [...text('env'), ...text('memory'), 2, 0, ...unsigned(pages)],
      [...text('env'), ...text('opa_builtin2'), 0, builtin],
    ]),
    ...section(
      3,
      functions.map(({ type }) => [type]),
    ),
    ...section(6, [[0x7f, 1, ...constant(0), 0x0b]]),
    ...section(7, [
      ...functions.map(({ name }, index) => [...text(name), 0, index + 1]),
      [...text(fuelExport), 3, 0],
    ]),
    ...section(
      10,
      functions.map(({ code }) => vector([0, ...code, 0x0b])),
    ),
    ...section(11, [
      data(at.builtins, { sprintf: 0 }),
      data(at.entrypoints, { 'orchestration/selection': 0 }),
      data(at.format, format),
      data(at.values, values),
      [0, ...constant(pages * pageBytes - 1), 0x0b, ...vector([1])],
    ]),
  ]);
}

function constant(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x40) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  return [0x41, ...bytes, rest];
}

function text(value: string): number[] {
  return vector([...new TextEncoder().encode(value)]);
}

function data(address: number, value: unknown): number[] {
  return [0, ...constant(address), 0x0b, ...text(`${JSON.stringify(value)}\0`)];
}

function section(id: number, entries: readonly (readonly number[])[]): number[] {
  return [id, ...vector([...unsigned(entries.length), ...entries.flat()])];
}
