import {
  allowInsecureRequests,
  type AuthorizationServer,
  clientCredentialsGrantRequest,
  ClientSecretBasic,
  customFetch,
  processClientCredentialsResponse,
  ResponseBodyError,
} from 'oauth4webapi';
import { fetch as undiciFetch, type RequestInit } from 'undici';
import type { OAuth2Config } from '../contract/outbound-auth';
import { CredentialsError } from './credentials-error';
import type { DispatcherPools } from './dispatcher-pools';
import type { SecretSource } from './secrets';

interface Token {
  readonly value: string;
  /** Epoch ms after which another is fetched. */
  readonly reusedUntil: number;
}

const leadMs = 30_000;
const timeoutMs = 5000;
/** Where the issuer does not say how long its tokens live. */
const assumedLifeSeconds = 120;

/** Access tokens of the client-credentials grant: reused until 30 s before their end, fetched once for all who wait. */
export class OAuthTokens {
  readonly #tokens = new Map<string, Promise<Token>>();

  constructor(
    private readonly secrets: SecretSource,
    private readonly pools: Pick<DispatcherPools, 'dispatcherFor'>,
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * @param refused a token that an upstream did not take: never given again
   * @throws CredentialsError
   */
  async token(config: OAuth2Config, refused?: string): Promise<string> {
    const key = JSON.stringify(config);
    const known = this.#tokens.get(key);
    if (known) {
      const { value, reusedUntil } = await known;
      if (value !== refused && this.now() < reusedUntil) return value;
    }
    // Whoever waited for the same token may have asked for the next one already.
    const current = this.#tokens.get(key);
    const next = current !== undefined && current !== known ? current : this.#fetching(key, config);
    return (await next).value;
  }

  #fetching(key: string, config: OAuth2Config): Promise<Token> {
    const fetching = this.#fetch(config);
    this.#tokens.set(key, fetching);
    fetching.catch(() => {
      if (this.#tokens.get(key) === fetching) this.#tokens.delete(key);
    });
    return fetching;
  }

  async #fetch(config: OAuth2Config): Promise<Token> {
    const [clientId, secret] = await Promise.all([
      this.secrets.read(config.client_id_ref),
      this.secrets.read(config.client_secret_ref),
    ]);
    const server: AuthorizationServer = {
      issuer: new URL(config.token_url).origin,
      token_endpoint: config.token_url,
    };
    const client = { client_id: clientId };
    const fetchedAt = this.now();
    try {
      const response = await clientCredentialsGrantRequest(
        server,
        client,
        ClientSecretBasic(secret),
        config.scope === undefined ? {} : { scope: config.scope },
        {
          // Plain HTTP is refused by the rules of outbound targets where it must not be.
          [allowInsecureRequests]: true,
          [customFetch]: this.#fetchOver(config),
          signal: AbortSignal.timeout(timeoutMs),
        },
      );
      const token = await processClientCredentialsResponse(server, client, response);
      const lifeMs = (token.expires_in ?? assumedLifeSeconds) * 1000;
      return { value: token.access_token, reusedUntil: fetchedAt + lifeMs - leadMs };
    } catch (error) {
      this.secrets.forget(config.client_id_ref);
      this.secrets.forget(config.client_secret_ref);
      throw asCredentialsError(error, config.token_url);
    }
  }

  #fetchOver({ token_url, tls }: OAuth2Config) {
    const dispatcher = this.pools.dispatcherFor({ id: `oauth2 ${token_url}`, tls });
    return async (url: string, init: object): Promise<Response> =>
      await undiciFetch(url, {
        ...(init as RequestInit),
        redirect: 'manual',
        dispatcher,
      });
  }
}

/** Never the issuer's own words: they are text from outside. */
function asCredentialsError(error: unknown, tokenUrl: string): CredentialsError {
  if (error instanceof CredentialsError) return error;
  const { host } = new URL(tokenUrl);
  if (error instanceof ResponseBodyError) {
    return new CredentialsError(`the token endpoint at ${host} refused the client (${error.status})`);
  }
  return new CredentialsError(`no token from the token endpoint at ${host}`, true);
}
