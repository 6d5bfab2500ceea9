import { LRUCache } from 'lru-cache';
import { CredentialsError } from './credentials-error';
import { fromEnvironment, fromFile, fromVault, type SecretScheme } from './secret-schemes';
import { fromAwsSecretsManager } from './secrets-manager';

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

/** What is put on record of a secret: never more than its name. */
export interface SecretRead {
  readonly reference: string;
  readonly outcome: 'read' | 'refused';
}

/** A rotated secret is used this much later at most, without anybody saying so. */
const keptMs = 10_000;
/** A process that has read a secret may do so again for so long without its being put on record. */
const leaseMs = 5 * 60_000;
const mostKept = 1000;

/** Follows references like `env:NAME`; values stay in memory briefly, so that no call waits for them. */
export class Secrets implements SecretSource {
  readonly #cache: LRUCache<string, Promise<string>>;
  readonly #leases: LRUCache<string, true>;

  constructor(
    private readonly schemes: Readonly<Record<string, SecretScheme>>,
    private readonly noted: (read: SecretRead) => void = () => undefined,
    now: () => number = Date.now,
  ) {
    // One that is 0 does not count as a time for the cache.
    const bounds = { max: mostKept, ttlResolution: 0, perf: { now: () => now() + 1 } };
    this.#cache = new LRUCache({ ...bounds, ttl: keptMs });
    this.#leases = new LRUCache({ ...bounds, ttl: leaseMs });
  }

  /** @param closed folders of which no file is a secret for upstreams */
  static of(
    environment: NodeJS.ProcessEnv,
    closed: readonly string[] = [],
    noted?: (read: SecretRead) => void,
  ): Secrets {
    const schemes = {
      env: fromEnvironment(environment),
      file: fromFile(['/proc', '/sys', ...closed]),
      vault: fromVault({
        address: environment['VAULT_ADDR'],
        token: () => environment['VAULT_TOKEN'],
        namespace: environment['VAULT_NAMESPACE'],
      }),
      'aws-sm': fromAwsSecretsManager(environment),
    };
    return new Secrets(schemes, noted);
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
    try {
      const value = (await scheme(reference.slice(colon + 1)))?.trim();
      if (value === undefined || value === '') throw new CredentialsError(`${reference} holds no secret`);
      this.#note({ reference, outcome: 'read' });
      return value;
    } catch (error) {
      this.#note({ reference, outcome: 'refused' });
      throw error;
    }
  }

  #note(read: SecretRead): void {
    const lease = `${read.outcome} ${read.reference}`;
    if (this.#leases.has(lease)) return;
    this.#leases.set(lease, true);
    this.noted(read);
  }
}
