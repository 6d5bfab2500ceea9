import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export type MapperMetrics = ReturnType<typeof createMapperMetrics>;

/** The mapper's metrics (spec/mapper.md 13) in a registry of their own. */
export function createMapperMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name, help, labelNames, registers });
  const totals = { answers: 0, fallbacks: 0 };
  const fallbacks = counter('mapper_fallback_total', 'Answers that no model gave', ['reason']);
  new Gauge({
    name: 'mapper_fallback_percentage',
    help: 'Share of answers that no model gave, since the start',
    registers,
    collect() {
      this.set(totals.answers === 0 ? 0 : (100 * totals.fallbacks) / totals.answers);
    },
  });
  return {
    registry,
    requests: counter('mapper_requests_total', 'Payloads answered', ['detector', 'status']),
    duration: new Histogram({
      name: 'mapper_request_duration_seconds',
      help: 'From the first byte to the answer of a mapping request',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.5, 1],
      registers,
    }),
    confidence: new Histogram({
      name: 'mapper_confidence_score',
      help: 'Confidence of the answers',
      buckets: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1],
      registers,
    }),
    errors: counter('mapper_errors_total', 'Errors answered', ['error_code']),
    rejected: counter('mapper_request_payload_rejected_total', 'Payloads refused before mapping', ['reason']),
    deprecated: counter('mapper_request_deprecated_total', 'Requests in a form that will go', ['type']),
    unmapped: counter('mapper_unmapped_labels_total', 'Signals for which no rule exists', ['detector']),
    suspicious: counter(
      'mapper_attack_pattern_warnings_total',
      'Payloads that look like an injection attempt',
    ),
    rateLimit: counter('mapper_rate_limit_requests_total', 'Rate limit decisions', [
      'endpoint',
      'identity_kind',
      'action',
    ]),
    /** Counts an answer that rules gave in place of a model. */
    countFallback(reason: string): void {
      totals.answers += 1;
      totals.fallbacks += 1;
      fallbacks.inc({ reason });
    },
  };
}
