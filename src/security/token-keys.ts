import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { errors, type JWTVerifyGetKey } from 'jose';
import type { AuthSettings } from '../contract/auth-config';
import { IssuerKeys } from './issuer-keys';

export const algorithms = ['HS256', 'RS256', 'ES256'] as const;
export type Algorithm = (typeof algorithms)[number];

export interface SigningKey {
  readonly algorithm: Algorithm;
  readonly key: KeyObject | Uint8Array;
}

export interface TokenKeys {
  /** Those that there is a key for. */
  readonly algorithms: readonly Algorithm[];
  /** The key of the algorithm's own type, so that none is ever used for another. */
  readonly keyFor: JWTVerifyGetKey;
  /** Null: tokens are only verified here. */
  readonly signing: SigningKey | null;
}

/**
 * The keys that the settings name.
 * @throws when a key cannot be read, or is of a type that is not used
 */
export function tokenKeysOf(settings: AuthSettings, now: () => number): TokenKeys {
  const secret = settings.jwt_secret_key === null ? null : new TextEncoder().encode(settings.jwt_secret_key);
  const ownKey = read(settings.jwt_private_key_path, createPrivateKey, 'auth.jwt_private_key_path');
  const publicKey = read(settings.jwt_public_key_path, createPublicKey, 'auth.jwt_public_key_path');
  const known = [publicKey, ownKey && { ...ownKey, key: createPublicKey(ownKey.key) }].filter(
    (key) => key !== null,
  );
  const remote = settings.jwks_url === null ? null : new IssuerKeys(settings.jwks_url, now).keyFor;
  const usable = new Set<Algorithm>([
    ...(secret ? (['HS256'] as const) : []),
    ...known.map(({ algorithm }) => algorithm),
    ...(remote ? (['RS256', 'ES256'] as const) : []),
  ]);
  const signing = secret ? { algorithm: 'HS256' as const, key: secret } : ownKey;
  return {
    algorithms: [...usable],
    signing,
    keyFor: async (header, token) => {
      if (header.alg === 'HS256') {
        if (secret) return secret;
        throw new errors.JWKSNoMatchingKey();
      }
      const own = known.filter(({ algorithm }) => algorithm === header.alg);
      const [first] = own;
      // A key of a set is known by its name, ours have none.
      if (first && (header.kid === undefined || remote === null)) return first.key;
      if (remote) return remote(header, token);
      throw new errors.JWKSNoMatchingKey();
    },
  };
}

function read(
  path: string | null,
  parse: (pem: Buffer) => KeyObject,
  setting: string,
): { algorithm: Exclude<Algorithm, 'HS256'>; key: KeyObject } | null {
  if (path === null) return null;
  const key = parsed(path, parse, setting);
  if (key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048) {
    return { algorithm: 'RS256', key };
  }
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') {
    return { algorithm: 'ES256', key };
  }
  throw new Error(`${setting}: must be a key of RSA with at least 2048 bits, or of the curve P-256`);
}

/** What a parser of keys says of one may quote it. */
function parsed(path: string, parse: (pem: Buffer) => KeyObject, setting: string): KeyObject {
  try {
    return parse(readFileSync(path));
  } catch {
    throw new Error(`${setting}: ${path} cannot be read as a key in PEM`);
  }
}
