import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose';

/** Keys that cannot be had now, which is nothing that a token can be blamed for. */
export class IssuerAwayError extends Error {
  override readonly name = 'IssuerAwayError';
}

const timeoutMs = 5000;
/** After this the keys are read again, while those that are known go on being used. */
const refreshMs = 10 * 60_000;
/** While the issuer is away, so long are its keys believed. */
const keptMs = 6 * 3_600_000;
/** Between two tries, whatever became of the first. */
const cooldownMs = 10_000;

/** The key set of an issuer of tokens. A key that it withdraws is forgotten in ten minutes, or when it is back. */
export class IssuerKeys {
  readonly #set: ReturnType<typeof createRemoteJWKSet>;
  #keyIn: JWTVerifyGetKey | null = null;
  #readAt = -Infinity;
  #triedAt = -Infinity;
  /** As the last try found. */
  #isAway = false;
  #reading: Promise<boolean> | null = null;

  constructor(
    url: string,
    private readonly now: () => number,
  ) {
    this.#set = createRemoteJWKSet(new URL(url), { timeoutDuration: timeoutMs });
  }

  /** @throws JWKSNoMatchingKey and the like; IssuerAwayError when that cannot be known */
  readonly keyFor: JWTVerifyGetKey = async (header, token) => {
    if (this.#age >= refreshMs) await this.#refresh();
    const known = this.#age < keptMs ? this.#keyIn : null;
    if (known) {
      try {
        return await known(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      }
    }
    if (!(await this.#tryAgain()))
      throw new IssuerAwayError('the keys of the issuer of tokens cannot be had');
    return this.#keyIn!(header, token);
  };

  get #age(): number {
    return this.now() - this.#readAt;
  }

  /** Waited for, so that a key which has been withdrawn is not believed once more; but not while the issuer is known to be away. */
  async #refresh(): Promise<void> {
    const trying = this.#tryAgain();
    if (!this.#isAway) await trying;
  }

  /** @returns whether the last try has succeeded, which is this one unless there was one just now */
  #tryAgain(): Promise<boolean> {
    if (this.#reading) return this.#reading;
    if (this.now() - this.#triedAt < cooldownMs) return Promise.resolve(this.#readAt >= this.#triedAt);
    this.#triedAt = this.now();
    this.#reading = this.#read().finally(() => (this.#reading = null));
    return this.#reading;
  }

  async #read(): Promise<boolean> {
    try {
      await this.#set.reload();
      this.#keyIn = createLocalJWKSet(this.#set.jwks()!);
      this.#readAt = this.now();
      this.#isAway = false;
      return true;
    } catch {
      this.#isAway = true;
      return false;
    }
  }
}
