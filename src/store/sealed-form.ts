import { seal, unseal } from './sealed-box';

/** A key of a tenant, and which of its versions it is. */
export interface VersionedKey {
  readonly version: number;
  readonly key: Buffer;
}

const mark = Buffer.from('ckv1');
const headBytes = mark.length + 4;

/** `ckv1 ‖ version ‖ sealed box`, bound to tenant, version and place: what is copied elsewhere opens nowhere. */
export function sealUnder(
  { version, key }: VersionedKey,
  tenantId: string,
  plaintext: Uint8Array,
  place: string,
): Buffer {
  const head = Buffer.allocUnsafe(headBytes);
  mark.copy(head);
  head.writeUInt32BE(version, mark.length);
  return seal(key, plaintext, contextOf(tenantId, version, place), head);
}

/** Null for what was sealed before keys had versions: it is under the first, and bound to its place alone. */
export function keyVersionIn(sealed: Uint8Array): number | null {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  return bytes.length > headBytes && bytes.subarray(0, mark.length).equals(mark)
    ? bytes.readUInt32BE(mark.length)
    : null;
}

/** @throws when the key, the tenant, the place or a single bit is not what it was */
export function openUnder(
  { version, key }: VersionedKey,
  tenantId: string,
  sealed: Uint8Array,
  place: string,
): Buffer {
  return unseal(key, sealed.subarray(headBytes), contextOf(tenantId, version, place));
}

function contextOf(tenantId: string, version: number, place: string): string {
  return `${tenantId}/${version}/${place}`;
}
