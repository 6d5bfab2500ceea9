import { opcodes, sections } from './wasm-format';
import { WasmReader, unsigned, vector } from './wasm-reader';

/** Under this name a metered module exports what is left of its fuel. */
export const fuelExport = 'conclave_fuel';

/** With what a module comes up: it initializes itself before anybody can fill it. */
const initialFuel = 10_000_000;

/**
 * A module that does the same, but takes one unit of fuel whenever a function is entered or a loop goes round, and traps
 * when none is left. So a policy that does not come to an end can be evaluated where nobody could interrupt it.
 * @throws RangeError when the module uses what policies of OPA never do
 */
export function metered(wasm: Uint8Array): Uint8Array<ArrayBuffer> {
  const reader = new WasmReader(wasm);
  reader.header();
  const parts: Uint8Array[] = [wasm.subarray(0, reader.at)];
  let importedGlobals = 0;
  let fuel: number | null = null;
  while (!reader.done) {
    const { id, body } = reader.section();
    if (id === sections.import) importedGlobals = countImportedGlobals(body);
    if (id === sections.global) {
      const count = new WasmReader(body).unsigned();
      fuel = importedGlobals + count;
    }
    parts.push(...section(id, rewritten(id, body, fuel)));
  }
  if (fuel === null) throw new RangeError('the module has no globals');
  return concat(parts);
}

function rewritten(id: number, body: Uint8Array, fuel: number | null): Uint8Array {
  if (id === sections.global)
    return withEntry(body, [0x7f, 0x01, opcodes.i32const, ...unsigned(initialFuel), opcodes.end]);
  if (id !== sections.export && id !== sections.code) return body;
  if (fuel === null) throw new RangeError('the module has no globals');
  if (id === sections.export) {
    const name = [...new TextEncoder().encode(fuelExport)];
    return withEntry(body, [...vector(name), 0x03, ...unsigned(fuel)]);
  }
  return meteredCode(body, fuel);
}

function countImportedGlobals(body: Uint8Array): number {
  const reader = new WasmReader(body);
  let globals = 0;
  for (let left = reader.unsigned(); left > 0; left--) if (reader.importEntry() === 'global') globals += 1;
  return globals;
}

function withEntry(body: Uint8Array, entry: readonly number[]): Uint8Array {
  const reader = new WasmReader(body);
  const count = reader.unsigned();
  return concat([Uint8Array.from(unsigned(count + 1)), body.subarray(reader.at), Uint8Array.from(entry)]);
}

function meteredCode(body: Uint8Array, fuel: number): Uint8Array {
  const toll = Uint8Array.from([
    ...[opcodes.globalGet, ...unsigned(fuel), opcodes.i32const, 0x01, opcodes.i32sub],
    ...[opcodes.globalSet, ...unsigned(fuel)],
    ...[opcodes.globalGet, ...unsigned(fuel), opcodes.i32const, 0x00, opcodes.i32lts],
    ...[opcodes.if, opcodes.empty, opcodes.unreachable, opcodes.end],
  ]);
  const reader = new WasmReader(body);
  const count = reader.unsigned();
  const parts: Uint8Array[] = [Uint8Array.from(unsigned(count))];
  for (let left = count; left > 0; left--) {
    const size = reader.unsigned();
    const code = meteredFunction(body.subarray(reader.at, reader.at + size), toll);
    parts.push(Uint8Array.from(unsigned(code.length)), code);
    reader.skip(size);
  }
  return concat(parts);
}

function meteredFunction(body: Uint8Array, toll: Uint8Array): Uint8Array {
  const reader = new WasmReader(body);
  reader.locals();
  const parts = [body.subarray(0, reader.at), toll];
  let copied = reader.at;
  while (!reader.done) {
    if (reader.instruction() !== opcodes.loop) continue;
    parts.push(body.subarray(copied, reader.at), toll);
    copied = reader.at;
  }
  parts.push(body.subarray(copied));
  return concat(parts);
}

function section(id: number, body: Uint8Array): Uint8Array[] {
  return [Uint8Array.from([id, ...unsigned(body.length)]), body];
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
