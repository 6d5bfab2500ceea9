import { traitsOf } from '../contract/protocols';
import type { DetectorRegistration } from '../contract/registration';

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
