import { traitsOf } from '../contract/protocols';
import type { DetectorRegistration } from '../contract/registration';
import type { DetectorHttpClient } from './http-client';

/** What a registration says that says nothing. */
const unlessSaid = '/health';

/**
 * Where a detector says how it is.
 * @returns null when its protocol has no such place and the registration names none: then its answers alone tell
 */
export function healthPathOf({
  protocol,
  health_check_path: path,
}: Pick<DetectorRegistration, 'protocol' | 'health_check_path'>): string | null {
  return path === unlessSaid ? traitsOf(protocol).healthPath : path;
}

/** Asks a detector how it is; one that has no way to say is taken for well. */
export function probeThrough(
  http: DetectorHttpClient,
  timeoutMs: number,
): (registration: DetectorRegistration) => Promise<boolean> {
  return async (registration) => {
    const path = healthPathOf(registration);
    if (path === null) return true;
    const called = { detector: registration.name, call: registration };
    return http.probe(new URL(path, registration.endpoint).href, called, timeoutMs);
  };
}
