import type { PlanRecord, RecordedRegistration } from '../contract/explanation';
import type { DetectorRegistration } from '../contract/registration';
import { splitsLongContent } from './plan';

/** What plans depend on of a detector: no addresses, no credentials. */
export function recordedRegistration(registration: DetectorRegistration): RecordedRegistration {
  const { fallback } = registration;
  return {
    name: registration.name,
    version: registration.version,
    protocol: registration.protocol,
    capabilities: registration.capabilities,
    priority_weight: registration.priority_weight,
    depends_on: registration.depends_on,
    label_severity: registration.label_severity,
    long_content: splitsLongContent(registration) ? 'split' : 'skip',
    ...(fallback && { fallback: fallback.strategy === 'redirect' ? redirected : fallback }),
  };
}

/** Wherever that was. */
const redirected = { strategy: 'redirect' as const, endpoint: 'http://elsewhere.invalid' };

/**
 * The detectors as they were when a plan was made, and those that were registered since.
 * @returns null when it is not on record how they were
 */
export function registrationsOfThen(
  plan: PlanRecord | null,
  now: readonly DetectorRegistration[],
): readonly DetectorRegistration[] | null {
  if (!plan?.registrations) return null;
  const then = new Set(plan.registrations.map(({ name }) => name));
  return [...plan.registrations.map(asRegistration), ...now.filter(({ name }) => !then.has(name))];
}

function asRegistration(recorded: RecordedRegistration): DetectorRegistration {
  return {
    ...recorded,
    endpoint: 'builtin:recorded',
    auth_type: 'none',
    auth_config: {},
    timeout_ms: 5000,
    max_retries: 0,
    health_check_path: '/health',
    traffic_percent: 100,
    score_normalization: { method: 'identity' },
    tenant_scope: 'shared',
    params: {},
    max_batch: 1,
  };
}
