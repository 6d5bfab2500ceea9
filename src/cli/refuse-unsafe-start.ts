import { unsafeSettings } from '../config/unsafe-settings';
import type { Settings } from '../contract/config';
import { SetupError } from '../embedded/setup-error';

const loopback = new Set(['127.0.0.1', '::1', 'localhost']);

/**
 * Until authentication exists nobody but this machine may reach the API: development only, loopback only.
 * @throws SetupError saying why
 */
export function refuseUnsafeStart({ service, security }: Settings): void {
  if (service.environment !== 'development') {
    throw new SetupError(
      `Conclave does not start with ORCHESTRATION_ENV=${service.environment}: it has no authentication yet.`,
      'run it with ORCHESTRATION_ENV=development on loopback',
    );
  }
  if (!loopback.has(service.host)) {
    throw new SetupError(
      `Conclave does not listen on ${service.host}: without authentication it serves this machine only.`,
      'set service.host to 127.0.0.1',
    );
  }
  if (!security.auth_disabled) {
    throw new SetupError(
      'security.auth_disabled is false, but there is no authentication yet.',
      'leave it true (the default in development)',
    );
  }
}

/** @throws SetupError naming every value that is not for this environment */
export function refuseUnsafeSettings(settings: Settings): void {
  const faults = unsafeSettings(settings);
  if (faults.length === 0) return;
  throw new SetupError(
    `Conclave does not start with settings that are not safe: ${faults.join('; ')}.`,
    `see config/settings.${settings.service.environment}.yaml for those that are`,
  );
}
