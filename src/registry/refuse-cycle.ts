import { ConclaveError } from '../contract/errors';
import type { DetectorRegistration } from '../contract/registration';
import type { RegistryEntry } from '../contract/registry-entry';
import { DependencyCycleError, cycleThrough } from '../domain/stages';

/**
 * No detector waits for itself, over whatever others, in the sight of any tenant that has it.
 * @param id what the registration replaces, if it is there
 * @throws ConclaveError 400 `dependency_cycle`
 */
export function refuseCycle(
  entries: readonly RegistryEntry[],
  id: string,
  registration: DetectorRegistration,
): void {
  const others = entries.flatMap((entry) => (entry.endpoint_id === id ? [] : (entry.detector ?? [])));
  const owners = new Set([registration, ...others].map(({ tenant_id: owner }) => owner));
  const sights = registration.tenant_id === undefined ? owners : [registration.tenant_id];
  for (const tenant of sights) {
    const seen = others.filter(({ tenant_id: owner }) => owner === undefined || owner === tenant);
    const cycle = cycleThrough(registration.name, [...seen, registration]);
    if (cycle === null) continue;
    const { message } = new DependencyCycleError(cycle);
    throw new ConclaveError('INVALID_REQUEST', message, {
      detail: 'dependency_cycle',
      fieldErrors: [{ path: 'depends_on', message: `${message}: leave out what leads back` }],
    });
  }
}
