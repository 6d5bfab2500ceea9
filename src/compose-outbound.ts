import type { Settings } from './contract/config';
import { Outbound } from './outbound/outbound';
import { type SecretRead, Secrets } from './outbound/secrets';

/** Calls to upstreams, by the rules of the settings (spec/orchestration.md 7, Outbound targets). */
export function composeOutbound(
  settings: Settings,
  ownUrls: readonly string[],
  secretRead: (read: SecretRead) => void,
): Outbound {
  const production = settings.service.environment === 'production';
  return new Outbound(
    {
      hosts: settings.security.outbound_hosts ?? (production ? [] : null),
      privateHosts: settings.security.outbound_private_hosts,
      privateNetworks: !production,
      ownUrls,
    },
    { secrets: Secrets.of(process.env, [settings.service.data_dir], secretRead) },
  );
}
