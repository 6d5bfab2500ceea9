import { fuelExport, metered } from '../../../src/policy/fuel';

/** One function, exported as `spin`, whose body is given, and one global. */
function moduleOf(body: readonly number[], globals: readonly number[] = [6, 6, 1, 0x7f, 0, 0x41, 0, 0x0b]) {
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, 4, 1, 0x60, 0, 0],
    ...[3, 2, 1, 0],
    ...globals,
    ...[7, 8, 1, 4, ...Buffer.from('spin'), 0, 0],
    ...[10, body.length + 3, 1, body.length + 1, 0, ...body],
  ]);
}

const endlessLoop = [0x03, 0x40, 0x0c, 0, 0x0b, 0x0b];
const endlessRecursion = [0x10, 0, 0x0b];
const nothing = [0x0b];

function started(wasm: Uint8Array, units: number) {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(wasm)));
  const fuel = exports[fuelExport] as { value: number };
  fuel.value = units;
  return { spin: exports['spin'] as () => void, fuel };
}

describe('a metered module', () => {
  it.each([
    ['a loop without end', endlessLoop],
    ['a recursion without end', endlessRecursion],
  ])('ends %s when its fuel is gone', (_what, body) => {
    const { spin, fuel } = started(metered(moduleOf(body)), 1000);
    expect(spin).toThrow(WebAssembly.RuntimeError);
    expect(fuel.value).toBeLessThan(0);
  });

  it('takes one unit for each function that is entered', () => {
    const { spin, fuel } = started(metered(moduleOf(nothing)), 3);
    for (let left = 2; left >= 0; left--) {
      spin();
      expect(fuel.value).toBe(left);
    }
    expect(spin).toThrow(WebAssembly.RuntimeError);
  });

  it.each([
    ['that is none', Uint8Array.from(Buffer.from('not a module'))],
    ['that is cut off', moduleOf(nothing).subarray(0, -2)],
    ['without globals', moduleOf(nothing, [])],
    ['with an instruction that nobody knows', moduleOf([0xfd, 0x0b])],
  ])('is not made of a module %s', (_what, bytes) => {
    expect(() => metered(bytes)).toThrow(RangeError);
  });
});
