import { lookup as systemLookup } from 'node:dns';
import { Credentials } from './credentials';
import { DispatcherPools } from './dispatcher-pools';
import { OAuthTokens } from './oauth-tokens';
import { Secrets, type SecretSource } from './secrets';
import { type OutboundSettings, OutboundRefused, TargetRules } from './target-rules';

interface OutboundParts {
  readonly secrets?: SecretSource;
  readonly lookup?: typeof systemLookup;
  readonly now?: () => number;
}

/** What every call to an upstream needs: a connection that may be opened, and who we are there. */
export class Outbound {
  readonly pools: DispatcherPools;
  readonly credentials: Credentials;
  readonly #rules: TargetRules;
  readonly #lookup: typeof systemLookup;

  constructor(settings: OutboundSettings, parts: OutboundParts = {}) {
    const secrets = parts.secrets ?? Secrets.of(process.env);
    this.#rules = new TargetRules(settings);
    this.#lookup = parts.lookup ?? systemLookup;
    this.pools = new DispatcherPools({ rules: this.#rules, secrets, lookup: this.#lookup });
    this.credentials = new Credentials(secrets, new OAuthTokens(secrets, this.pools, parts.now));
  }

  /**
   * Why a target may not be called, as of now; null when it may, or when its name leads nowhere. For telling people: what
   * counts is the address at the moment of connecting.
   */
  async refusalOf(url: string, allowPrivateNetwork?: boolean): Promise<string | null> {
    const target = new URL(url);
    try {
      this.#rules.checkHost(target);
      for (const address of await this.#addressesOf(target.hostname.replace(/^\[|\]$/g, ''))) {
        this.#rules.checkAddress(target, address, allowPrivateNetwork);
      }
      return null;
    } catch (error) {
      if (error instanceof OutboundRefused) return error.message;
      throw error;
    }
  }

  #addressesOf(hostname: string): Promise<readonly string[]> {
    return new Promise((resolve) => {
      this.#lookup(hostname, { all: true }, (error, found) => {
        resolve(error ? [] : found.map(({ address }) => address));
      });
    });
  }

  async close(): Promise<void> {
    await this.pools.close();
  }
}
