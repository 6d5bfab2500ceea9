import type { ApiKeyRecord, CredentialNews } from '../contract/credentials';
import { ConclaveError } from '../contract/errors';
import type { Identity } from '../contract/identity';
import { grantsOf } from '../domain/permissions';
import { type ChangesByOthers, Following } from '../domain/following';
import { isKey, keyIdIn } from './api-key';

export interface LiveCredentialsDependencies extends ChangesByOthers {
  readonly news: () => Promise<CredentialNews>;
  /** Keeps which keys were used. */
  readonly used: (keyIds: readonly string[]) => Promise<void>;
  readonly now?: () => number;
}

/** While the store is away, what is known of credentials is believed for so long. */
const trustedMs = 30_000;
const noteEveryMs = 30_000;

/** Made when the key is read, not for each request. */
interface Known {
  readonly key: ApiKeyRecord;
  readonly identity: Identity;
}

/** API keys and revoked tokens as this process knows them, which is as they are but for a fraction of a second. */
export class LiveCredentials {
  readonly #keys = new Map<string, Known>();
  /** Until when, in epoch ms. */
  readonly #revoked = new Map<string, number>();
  readonly #used = new Set<string>();
  readonly #following: Following;
  readonly #now: () => number;
  #readAt = -Infinity;
  #noting: NodeJS.Timeout | undefined;

  constructor(private readonly deps: LiveCredentialsDependencies) {
    this.#following = new Following(() => this.#read(), deps);
    this.#now = deps.now ?? Date.now;
  }

  async start(): Promise<void> {
    await this.#following.start();
    this.#noting = setInterval(() => void this.note(), noteEveryMs).unref();
  }

  async stop(): Promise<void> {
    this.#following.stop();
    clearInterval(this.#noting);
    await this.note();
  }

  /** Null: unknown, expired or revoked. @throws ConclaveError INTERNAL_ERROR when that cannot be known */
  identityOf(apiKey: string): Identity | null {
    this.#requireFresh();
    const keyId = keyIdIn(apiKey);
    const known = keyId === null ? undefined : this.#keys.get(keyId);
    if (!known || !isKey(apiKey, known.key.hash)) return null;
    const { key, identity } = known;
    if (key.revokedAt !== null || key.expiresAt.getTime() <= this.#now()) return null;
    this.#used.add(key.keyId);
    return identity;
  }

  /** @throws ConclaveError INTERNAL_ERROR when that cannot be known */
  isRevoked(jti: string): boolean {
    this.#requireFresh();
    return this.#revoked.has(jti);
  }

  /** What fails leaves what is known. */
  catchUp(): Promise<void> {
    return this.#following.catchUp();
  }

  /** Keeps which keys were used since it was kept last. */
  async note(): Promise<void> {
    const used = [...this.#used];
    this.#used.clear();
    await this.deps.used(used).catch((error: unknown) => {
      for (const keyId of used) this.#used.add(keyId);
      this.deps.failed(error);
    });
  }

  #requireFresh(): void {
    if (this.#now() - this.#readAt <= trustedMs) return;
    throw new ConclaveError('INTERNAL_ERROR', 'nobody can be recognized: the store does not answer');
  }

  async #read(): Promise<void> {
    const startedAt = this.#now();
    const { keys, revoked } = await this.deps.news();
    for (const key of keys) this.#keys.set(key.keyId, { key, identity: identityBy(key) });
    for (const { jti, expiresAt } of revoked) this.#revoked.set(jti, expiresAt.getTime());
    for (const [jti, until] of this.#revoked)
      if (until < startedAt - trustedMs * 20) this.#revoked.delete(jti);
    this.#readAt = startedAt;
  }
}

function identityBy({ keyId, owner, tenantId, roles, scopes, expiresAt, perMinute }: ApiKeyRecord): Identity {
  return {
    subject: `key:${keyId}`,
    owner,
    tenantId,
    roles,
    grants: grantsOf(roles, scopes),
    method: 'api_key',
    tokenId: keyId,
    expiresAt: expiresAt.getTime(),
    perMinute,
  };
}
