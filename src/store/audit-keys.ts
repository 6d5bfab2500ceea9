import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { makeOnce } from './lasting-file';

export type Trust = 'valid' | 'invalid' | 'unknown_key';

/** Knows signatures of keys that somebody trusts. */
export class TrustedKeys {
  readonly #keys: ReadonlyMap<string, KeyObject>;

  /**
   * @param publicKeys in base64, as `conclave audit key` prints them
   * @param where they stand
   * @throws when one is no such key
   */
  constructor(publicKeys: readonly string[], where = 'audit.trusted_keys') {
    const keys = publicKeys.map((text) => publicKeyOf(text, where));
    this.#keys = new Map(keys.map((key) => [idOf(key), key]));
  }

  /** By id, in base64. */
  get all(): Record<string, string> {
    return Object.fromEntries([...this.#keys].map(([id, key]) => [id, derOf(key).toString('base64')]));
  }

  has(keyId: string): boolean {
    return this.#keys.has(keyId);
  }

  verify(keyId: string, text: Buffer, signature: Buffer): Trust {
    const key = this.#keys.get(keyId);
    if (!key) return 'unknown_key';
    return verify(null, text, key, signature) ? 'valid' : 'invalid';
  }
}

/** Signs checkpoints of the audit log, and knows signatures of its own and of trusted keys. */
export class AuditKeys {
  readonly id: string;
  /** Of the key that signs, in base64: what others need to verify. */
  readonly publicKey: string;
  readonly trusted: TrustedKeys;

  constructor(
    private readonly own: KeyObject,
    trusted: readonly string[],
  ) {
    const mine = createPublicKey(own);
    this.id = idOf(mine);
    this.publicKey = derOf(mine).toString('base64');
    this.trusted = new TrustedKeys([this.publicKey, ...trusted]);
  }

  sign(text: Buffer): Buffer {
    return sign(null, text, this.own);
  }

  verify(keyId: string, text: Buffer, signature: Buffer): Trust {
    return this.trusted.verify(keyId, text, signature);
  }
}

interface KeySettings {
  readonly signing_key: string | null;
  readonly trusted_keys: readonly string[];
}

/**
 * The key that signs checkpoints: from the settings, else a file of its own that is made on the first start.
 * @param configured PKCS #8 of an Ed25519 key, in base64 or PEM
 * @throws when it is no such key
 */
export function loadAuditKeys(
  { signing_key: configured, trusted_keys: trusted }: KeySettings,
  dataDir: string,
): AuditKeys {
  if (configured !== null) return new AuditKeys(privateKeyOf(configured, 'audit.signing_key'), trusted);
  const file = keyFile(dataDir);
  if (!existsSync(file)) makeOnce(file, newKey());
  return new AuditKeys(privateKeyOf(readFileSync(file, 'utf8'), file), trusted);
}

/** The keys of the installation here, if there is one: nothing is made. */
export function installedKeys(settings: KeySettings, dataDir: string): TrustedKeys | null {
  if (settings.signing_key !== null || existsSync(keyFile(dataDir)))
    return loadAuditKeys(settings, dataDir).trusted;
  return settings.trusted_keys.length === 0 ? null : new TrustedKeys(settings.trusted_keys);
}

function keyFile(dataDir: string): string {
  return path.join(dataDir, 'keys', 'audit.key');
}

function newKey(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function privateKeyOf(text: string, where: string): KeyObject {
  const message = `${where} must be an Ed25519 key (make one with: openssl genpkey -algorithm ed25519)`;
  let key: KeyObject;
  try {
    key = text.includes('-----BEGIN')
      ? createPrivateKey(text)
      : createPrivateKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'pkcs8' });
  } catch {
    // What the library says of a key is not for logs.
    throw new Error(message);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(message);
  return key;
}

function publicKeyOf(text: string, where: string): KeyObject {
  try {
    const key = createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below.
  }
  throw new Error(`${where} must be Ed25519 public keys, as conclave audit key prints them`);
}

function derOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function idOf(key: KeyObject): string {
  return createHash('sha256').update(derOf(key)).digest('hex').slice(0, 16);
}
