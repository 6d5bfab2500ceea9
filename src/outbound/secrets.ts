import { LRUCache } from 'lru-cache';
import { CredentialsError } from './credentials-error';
import {
  fromAwsSecretsManager,
  fromEnvironment,
  fromFile,
  fromVault,
  type SecretScheme,
} from './secret-schemes';

/** Where secrets come from, whatever keeps them. */
export interface SecretSource {
  /**
   * @returns the value, as it was a short while ago at most
   * @throws CredentialsError naming the reference, never a value
   */
  read(reference: string): Promise<string>;
  /** The value did not do: the next read asks where it is kept. */
  forget(reference: string): void;
}

const notAReference = 'a secret must be a reference like env:NAME or file:path';

/** A rotated secret is used this much later at most, without anybody saying so. */
const keptMs = 10_000;

/** Follows references like `env:NAME`; values stay in memory briefly, so that no call waits for them. */
export class Secrets implements SecretSource {
  readonly #cache: LRUCache<string, Promise<string>>;

  constructor(
    private readonly schemes: Readonly<Record<string, SecretScheme>>,
    now: () => number = Date.now,
  ) {
    // One that is 0 does not count as a time for the cache.
    this.#cache = new LRUCache({ max: 1000, ttl: keptMs, ttlResolution: 0, perf: { now: () => now() + 1 } });
  }

  /** @param closed folders of which no file is a secret for upstreams */
  static of(environment: NodeJS.ProcessEnv, closed: readonly string[] = []): Secrets {
    return new Secrets({
      env: fromEnvironment(environment),
      file: fromFile(['/proc', '/sys', ...closed]),
      vault: fromVault({
        address: environment['VAULT_ADDR'],
        token: () => environment['VAULT_TOKEN'],
        namespace: environment['VAULT_NAMESPACE'],
      }),
      'aws-sm': fromAwsSecretsManager,
    });
  }

  read(reference: string): Promise<string> {
    const known = this.#cache.get(reference);
    if (known) return known;
    const value = this.#follow(reference);
    this.#cache.set(reference, value);
    value.catch(() => {
      if (this.#cache.peek(reference) === value) this.#cache.delete(reference);
    });
    return value;
  }

  forget(reference: string): void {
    this.#cache.delete(reference);
  }

  async #follow(reference: string): Promise<string> {
    const colon = reference.indexOf(':');
    const name = reference.slice(0, Math.max(colon, 0));
    const scheme = Object.hasOwn(this.schemes, name) ? this.schemes[name] : undefined;
    if (!scheme) throw new CredentialsError(notAReference);
    const value = (await scheme(reference.slice(colon + 1)))?.trim();
    if (value === undefined || value === '') throw new CredentialsError(`${reference} holds no secret`);
    return value;
  }
}
