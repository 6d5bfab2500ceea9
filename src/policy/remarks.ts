import { scrub } from '../security/scrub';

const maxLength = 200;
/** Of a longer text the rest is not looked at; it would not be shown either. */
const maxExamined = 4000;
/** What a decision says in the policy's own words. */
const remarks: ReadonlySet<string> = new Set([
  'selection_reason',
  'routing_reason',
  'resolution_reason',
  'failure_reason',
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
  return typeof value === 'string' ? presentableText(value) : value;
}

export function presentableText(words: string): string {
  const { text } = scrub(words.slice(0, maxExamined).replaceAll(/[\p{Cc}\p{Cs}]/gu, ' '));
  return [...text].slice(0, maxLength).join('');
}
