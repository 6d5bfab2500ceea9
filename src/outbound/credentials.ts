import { authConfigSchemas, type OutboundAuth } from '../contract/outbound-auth';
import type { OAuthTokens } from './oauth-tokens';
import type { SecretSource } from './secrets';

export type AuthHeaders = Readonly<Record<string, string>>;

const nothing: AuthHeaders = {};

/** Headers that authenticate us at an upstream (spec/orchestration.md 7, Outbound). */
export class Credentials {
  constructor(
    private readonly secrets: SecretSource,
    private readonly tokens: OAuthTokens,
  ) {}

  /** @throws CredentialsError */
  async headersFor(auth: OutboundAuth): Promise<AuthHeaders> {
    return this.#headers(auth);
  }

  /**
   * What goes into a signature instead of a header.
   * @throws CredentialsError
   */
  secret(reference: string): Promise<string> {
    return this.secrets.read(reference);
  }

  /**
   * After a 401.
   * @returns other credentials than those that were refused: a fresh token, a rotated secret; null where there are none
   * @throws CredentialsError
   */
  async renewed(auth: OutboundAuth, refused: AuthHeaders): Promise<AuthHeaders | null> {
    for (const [name, reference] of Object.entries(auth.auth_config)) {
      if (name.endsWith('_ref') && typeof reference === 'string') this.secrets.forget(reference);
    }
    const fresh = await this.#headers(auth, refused);
    return Object.entries(fresh).some(([name, value]) => refused[name] !== value) ? fresh : null;
  }

  async #headers({ auth_type, auth_config }: OutboundAuth, refused?: AuthHeaders): Promise<AuthHeaders> {
    switch (auth_type) {
      case 'none':
        return nothing;
      case 'api_key': {
        const { header, secret_ref } = authConfigSchemas.api_key.parse(auth_config);
        return { [header]: await this.secrets.read(secret_ref) };
      }
      case 'bearer_token': {
        const { secret_ref } = authConfigSchemas.bearer_token.parse(auth_config);
        return { Authorization: `Bearer ${await this.secrets.read(secret_ref)}` };
      }
      case 'basic_auth': {
        const { username_ref, password_ref } = authConfigSchemas.basic_auth.parse(auth_config);
        const pair = `${await this.secrets.read(username_ref)}:${await this.secrets.read(password_ref)}`;
        return { Authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
      }
      case 'oauth2': {
        const config = authConfigSchemas.oauth2.parse(auth_config);
        const token = await this.tokens.token(config, refused?.['Authorization']?.slice('Bearer '.length));
        return { Authorization: `Bearer ${token}` };
      }
    }
  }
}
