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

/** Signs checkpoints of the audit log, and knows signatures of its own and of trusted keys. */
export class AuditKeys {
  readonly id: string;
  /** Of the key that signs, in base64: what others need to verify. */
  readonly publicKey: string;
  readonly #trusted: ReadonlyMap<string, KeyObject>;

  constructor(
    private readonly own: KeyObject,
    trusted: readonly string[],
  ) {
    const mine = createPublicKey(own);
    const all = [mine, ...trusted.map(publicKeyOf)];
    this.#trusted = new Map(all.map((key) => [idOf(key), key]));
    this.id = idOf(mine);
    this.publicKey = derOf(mine).toString('base64');
  }

  sign(text: Buffer): Buffer {
    return sign(null, text, this.own);
  }

  verify(keyId: string, text: Buffer, signature: Buffer): 'valid' | 'invalid' | 'unknown_key' {
    const key = this.#trusted.get(keyId);
    if (!key) return 'unknown_key';
    return verify(null, text, key, signature) ? 'valid' : 'invalid';
  }
}

/**
 * The key that signs checkpoints: from the settings, else a file of its own that is made on the first start.
 * @param configured PKCS #8 of an Ed25519 key, in base64 or PEM
 * @throws when it is no such key
 */
export function loadAuditKeys(
  {
    signing_key: configured,
    trusted_keys: trusted,
  }: { signing_key: string | null; trusted_keys: readonly string[] },
  dataDir: string,
): AuditKeys {
  if (configured !== null) return new AuditKeys(privateKeyOf(configured, 'audit.signing_key'), trusted);
  const file = path.join(dataDir, 'keys', 'audit.key');
  if (!existsSync(file)) makeOnce(file, newKey());
  return new AuditKeys(privateKeyOf(readFileSync(file, 'utf8'), file), trusted);
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

function publicKeyOf(text: string): KeyObject {
  try {
    const key = createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below.
  }
  throw new Error('audit.trusted_keys must be Ed25519 public keys, as conclave audit key prints them');
}

function derOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function idOf(key: KeyObject): string {
  return createHash('sha256').update(derOf(key)).digest('hex').slice(0, 16);
}
