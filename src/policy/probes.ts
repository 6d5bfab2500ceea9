import { contentTypes, environments, failureCauses, priorities } from '../contract/enums';
import type { TenantPolicy } from '../contract/policy';
import type { DetectorRegistration } from '../contract/registration';
import type { DecisionName } from './bundle';
import { inputFor } from './decision-inputs';
import { namedDetectors } from './static-lint';

/** A question put to a decision. */
export interface Trial {
  readonly name: string;
  readonly decision: DecisionName;
  readonly input: object;
}

/** What every bundle will be asked sooner or later, so that it is known before it is in force how it takes it. */
export function probesFor(
  decision: DecisionName,
  policy: TenantPolicy,
  detectors: readonly DetectorRegistration[] | undefined,
): Trial[] {
  return fieldsOf(decision, policy).map((fields) => ({
    name: nameOf(fields),
    decision,
    input: inputFor(decision, policy, detectors, fields),
  }));
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(decision: DecisionName, policy: TenantPolicy): Fields[] {
  const named = namedDetectors(policy);
  const results = (status: string) => named.map((detector) => ({ detector, status }));
  const outputs = (output: string, confidence: number | null) =>
    named.map((detector, index) => ({
      detector,
      output: index === 0 ? output : 'clean',
      confidence: index === 0 ? confidence : 0.6,
    }));
  switch (decision) {
    case 'selection':
      return contentTypes.flatMap((content_type) => [
        ...environments.map((environment) => ({ content_type, environment })),
        ...priorities.map((priority) => ({ content_type, priority })),
      ]);
    case 'routing':
      return contentTypes.flatMap((content_type) => [
        { content_type },
        { content_type, content: { ...usualContent, language: null, script: null } },
        { content_type, content: { ...usualContent, language: 'de', code_share: 0.9 } },
      ]);
    case 'failure':
      return failureCauses.map((cause) => ({
        failures: named.map((detector) => ({
          detector,
          cause,
          taxonomy_categories: [],
          static_action: 'fail_closed',
        })),
      }));
    case 'coverage':
      return [
        { coverage_achieved: 1, results: results('success') },
        { coverage_achieved: 0.5, results: results('success').slice(0, Math.ceil(named.length / 2)) },
        { coverage_achieved: 0, results: results('failed') },
        { coverage_achieved: 0, results: results('timeout') },
      ];
    case 'conflict':
      return contentTypes.flatMap((content_type) => [
        { content_type, detector_outputs: outputs('finding', 0.9) },
        { content_type, detector_outputs: outputs('finding', 0.1) },
        { content_type, detector_outputs: outputs('finding', null) },
      ]);
  }
}

const usualContent = { length: 100, mime: 'text/plain', language: 'en', script: 'Latin', code_share: 0 };

/** `content_type=image, priority=critical`; of lists their first entry. */
function nameOf(fields: Fields): string {
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${shown(value)}`)
    .join(', ');
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return firstOf(value as Fields[]);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function firstOf([first]: readonly Fields[]): string {
  const { status, output, confidence, cause } = first ?? {};
  if (typeof cause === 'string') return cause;
  return typeof status === 'string' ? status : `${String(output)}@${String(confidence)}`;
}
