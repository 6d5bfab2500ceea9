import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { z } from 'zod';
import {
  type EvidenceCheckpoint,
  evidenceCheckpointSchema,
  type EvidenceEvent,
  evidenceEventSchema,
  type EvidenceManifest,
  signedManifestSchema,
} from '../contract/evidence';
import { checkpointText, digestOf, linkHash } from '../store/audit-chain';
import { TrustedKeys } from '../store/audit-keys';
import { isSigned } from '../store/signed-reports';
import { examined } from './evidence-file';

export interface EvidenceFault {
  readonly file: string;
  readonly message: string;
}

export interface VerifiedEvidence {
  readonly intact: boolean;
  readonly tenant_id: string | null;
  readonly framework: string | null;
  readonly period: EvidenceManifest['period'] | null;
  readonly events: number;
  /** Of these, how many were made unreadable in part. */
  readonly made_unreadable: number;
  readonly checkpoints: number;
  readonly signed_by: string | null;
  /** Whether that key is known here; null: none is, so it is to be compared by hand. */
  readonly key_known: boolean | null;
  readonly faults: readonly EvidenceFault[];
}

const manifestFile = 'manifest.json';

/**
 * Whether an evidence package is what was signed, by what lies in its folder alone.
 * @param known keys of the installation that it is said to be of; null: none are at hand
 * @throws Error when the folder is no package
 */
export async function verifyEvidence(
  folder: string,
  known: TrustedKeys | null,
  progress: (text: string) => void,
): Promise<VerifiedEvidence> {
  const text = manifestText(folder);
  const signed = parsed(signedManifestSchema, text);
  if (!signed) return unreadable();
  const { report: manifest, signature } = signed;
  const isKnown = known && known.has(signature.key_id);
  const faults: EvidenceFault[] = [];
  if (!isSigned('evidence', manifest, signature))
    faults.push({ file: manifestFile, message: 'the signature is not over what it says' });
  if (isKnown === false)
    faults.push({
      file: manifestFile,
      message: `key ${signature.key_id} has signed it, which is not known here`,
    });

  const chain = new ChainCheck(manifest, await signedPositions(folder));
  for (const { name, bytes, records, sha256 } of manifest.files) {
    progress(name);
    const onLine =
      name === 'events.ndjson' ? (line: string, number: number) => chain.take(line, number) : undefined;
    const found = await examined(path.join(folder, name), onLine).catch(() => null);
    if (!found) faults.push({ file: name, message: 'it cannot be read' });
    else if (found.sha256 !== sha256)
      faults.push({
        file: name,
        message: `it is not what the manifest says (${bytes} bytes, ${records} records)`,
      });
  }
  faults.push(...chain.end(), ...strangersIn(folder, manifest));
  return {
    intact: faults.length === 0,
    tenant_id: manifest.tenant_id,
    framework: manifest.framework.id,
    period: manifest.period,
    events: chain.events,
    made_unreadable: chain.madeUnreadable,
    checkpoints: chain.checkpoints,
    signed_by: signature.key_id,
    key_known: isKnown,
    faults,
  };
}

function manifestText(folder: string): string {
  try {
    return readFileSync(path.join(folder, manifestFile), 'utf8');
  } catch {
    throw new Error(`${folder} is no evidence package: it has no ${manifestFile}`);
  }
}

function parsed<T>(schema: z.ZodType<T>, text: string): T | null {
  try {
    return schema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

function unreadable(): VerifiedEvidence {
  return {
    ...{ intact: false, tenant_id: null, framework: null, period: null, events: 0, made_unreadable: 0 },
    ...{ checkpoints: 0, signed_by: null, key_known: null },
    faults: [{ file: manifestFile, message: 'it is no manifest of an evidence package' }],
  };
}

/** What nobody has signed is no evidence. */
function strangersIn(folder: string, { files }: EvidenceManifest): EvidenceFault[] {
  const listed = new Set<string>([manifestFile, ...files.map(({ name }) => name)]);
  return readdirSync(folder)
    .filter((name) => !listed.has(name))
    .map((file) => ({ file, message: 'the manifest does not name it' }));
}

type Signed = EvidenceCheckpoint | { readonly line: number };

/** By position; what cannot be read by its line. */
async function signedPositions(folder: string): Promise<Signed[]> {
  const signed: Signed[] = [];
  const take = (line: string, number: number) =>
    void signed.push(parsed(evidenceCheckpointSchema, line) ?? { line: number });
  // That the file is not there is said where its digest is asked for.
  await examined(path.join(folder, 'checkpoints.ndjson'), take).catch(() => undefined);
  return signed;
}

/** Follows the chain from event to event; the first break is told, since whatever comes after it hangs in the air. */
class ChainCheck {
  events = 0;
  madeUnreadable = 0;
  readonly #signed = new Map<number, EvidenceCheckpoint>();
  readonly #faults: EvidenceFault[] = [];
  #isBroken = false;
  #position: number;
  #hash: string;

  constructor(
    private readonly manifest: EvidenceManifest,
    signed: readonly Signed[],
  ) {
    this.#position = manifest.chain.first_position - 1;
    this.#hash = manifest.chain.previous_hash;
    const keys = keysIn(manifest);
    for (const one of signed) {
      if ('line' in one) this.#checkpointFault(`line ${one.line} is no checkpoint`);
      else if (!isValid(manifest.tenant_id, one, keys))
        this.#checkpointFault(`the signature of position ${one.position} is not by a key of the manifest`);
      else this.#signed.set(one.position, one);
    }
  }

  get checkpoints(): number {
    return this.#signed.size;
  }

  take(line: string, number: number): void {
    this.events += 1;
    if (this.#isBroken) return;
    const event = parsed(evidenceEventSchema, line);
    const fault = event ? this.#faultOf(event) : 'is no event';
    if (event && fault === null) {
      this.#position = event.position;
      this.#hash = event.hash;
      if (!event.verbatim) this.madeUnreadable += 1;
      return;
    }
    const which = event ? ` (row ${event.sequence}, position ${event.position})` : '';
    this.#break(`line ${number}${which} ${fault}`);
  }

  end(): readonly EvidenceFault[] {
    const { last_position: last, hash } = this.manifest.chain;
    if (!this.#isBroken && (this.#position !== last || this.#hash !== hash))
      this.#break(`it ends at position ${this.#position}; the manifest says ${last}`);
    return this.#faults;
  }

  #faultOf(event: EvidenceEvent): string | null {
    const { tenant_id: tenantId } = this.manifest;
    if (event.tenant_id !== tenantId) return `is of tenant ${event.tenant_id}`;
    if (event.position !== this.#position + 1 || event.previous_hash !== this.#hash)
      return 'does not follow on the one before';
    if (!isAsSealed(event)) return 'is not what was sealed';
    const digest = Buffer.from(event.digest, 'hex');
    const link = { position: event.position, sequence: String(event.sequence), digest };
    if (linkHash(tenantId, Buffer.from(this.#hash, 'hex'), link).toString('hex') !== event.hash)
      return 'has not the hash that follows from it';
    const signed = this.#signed.get(event.position);
    return signed && signed.hash !== event.hash ? `is not what was signed at ${signed.signed_at}` : null;
  }

  #break(message: string): void {
    this.#isBroken = true;
    this.#faults.push({ file: 'events.ndjson', message });
  }

  #checkpointFault(message: string): void {
    this.#faults.push({ file: 'checkpoints.ndjson', message });
  }
}

/** What is no key has signed nothing. */
function keysIn({ public_keys: keys }: EvidenceManifest): TrustedKeys {
  try {
    return new TrustedKeys(Object.values(keys));
  } catch {
    return new TrustedKeys([]);
  }
}

function isAsSealed(event: EvidenceEvent): boolean {
  const { tenant_id: tenantId, request_id: requestId, kind, microseconds, record } = event;
  if (new Date(Math.floor(microseconds / 1000)).toISOString() !== event.at) return false;
  if (!event.verbatim) return true;
  return digestOf({ tenantId, requestId, kind, microseconds, record }).toString('hex') === event.digest;
}

function isValid(tenantId: string, one: EvidenceCheckpoint, keys: TrustedKeys): boolean {
  const text = checkpointText(tenantId, one.position, Buffer.from(one.hash, 'hex'), new Date(one.signed_at));
  return keys.verify(one.key_id, text, Buffer.from(one.signature, 'base64')) === 'valid';
}
