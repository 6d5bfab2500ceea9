import type { lookup } from 'node:dns';
import { Credentials } from './credentials';
import { DispatcherPools } from './dispatcher-pools';
import { OAuthTokens } from './oauth-tokens';
import { Secrets, type SecretSource } from './secrets';
import { type OutboundSettings, TargetRules } from './target-rules';

/** What every call to an upstream needs: a connection that may be opened, and who we are there. */
export class Outbound {
  readonly pools: DispatcherPools;
  readonly credentials: Credentials;

  constructor(
    settings: OutboundSettings,
    parts: {
      readonly secrets?: SecretSource;
      readonly lookup?: typeof lookup;
      readonly now?: () => number;
    } = {},
  ) {
    const secrets = parts.secrets ?? Secrets.of(process.env);
    this.pools = new DispatcherPools({
      rules: new TargetRules(settings),
      secrets,
      ...(parts.lookup ? { lookup: parts.lookup } : {}),
    });
    this.credentials = new Credentials(secrets, new OAuthTokens(secrets, this.pools, parts.now));
  }

  async close(): Promise<void> {
    await this.pools.close();
  }
}
