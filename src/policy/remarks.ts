import { scrub } from '../security/scrub';

const maxLength = 200;
/** What a decision says in the policy's own words. */
const remarks: ReadonlySet<string> = new Set([
  'selection_reason',
  'resolution_reason',
  'missing_requirements',
  'policy_violations',
]);

/**
 * A decision whose words may stand in answers, histories and audit records: a line each, without personal data,
 * credentials or what a database refuses.
 */
export function withPresentableRemarks<T extends object>(decision: T): T {
  const entries = Object.entries(decision).map(([key, value]: [string, unknown]) => [
    key,
    remarks.has(key) ? presentable(value) : value,
  ]);
  return Object.fromEntries(entries) as T;
}

function presentable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(presentable);
  if (typeof value !== 'string') return value;
  const { text } = scrub(value.replaceAll(/[\p{Cc}\p{Cs}]/gu, ' '));
  return [...text].slice(0, maxLength).join('');
}
