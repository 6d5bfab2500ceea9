import { isLoopback } from '../config/own-machine';
import { unsafeSettings } from '../config/unsafe-settings';
import type { Settings } from '../contract/config';
import { SetupError } from '../embedded/setup-error';

/**
 * Without authentication nobody but this machine may reach the API: development only, loopback only.
 * @throws SetupError saying why
 */
export function refuseUnsafeStart(
  { service, security, auth }: Settings,
  environment: NodeJS.ProcessEnv = process.env,
): void {
  const production = productionSignIn(service.environment, environment);
  const isOwn = production === null && isLoopback(service.host);
  if (auth.dev_tokens && !isOwn) {
    throw new SetupError(
      'Conclave does not start with auth.dev_tokens but in development on loopback: anybody could make a token.',
      'set ORCHESTRATION_AUTH__DEV_TOKENS=false',
    );
  }
  if (!security.auth_disabled) return;
  if (production !== null) {
    throw new SetupError(
      `Conclave does not start with ${production} while security.auth_disabled is true: nobody would be asked who they are.`,
      'set ORCHESTRATION_SECURITY__AUTH_DISABLED=false, or run it with ORCHESTRATION_ENV=development on loopback',
    );
  }
  if (!isLoopback(service.host)) {
    throw new SetupError(
      `Conclave does not listen on ${service.host}: without authentication it serves this machine only.`,
      'set service.host to 127.0.0.1, or ORCHESTRATION_SECURITY__AUTH_DISABLED=false',
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

/** What says that this is no place for an open API; null where nothing does. */
function productionSignIn(environment: string, variables: NodeJS.ProcessEnv): string | null {
  if (environment !== 'development') return `ORCHESTRATION_ENV=${environment}`;
  const named = ['APP_ENV', 'NODE_ENV'].find((name) => variables[name] === 'production');
  return named === undefined ? null : `${named}=production`;
}
