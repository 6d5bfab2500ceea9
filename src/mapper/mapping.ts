import type { MappingResponse } from '../contract/payload';
import { looksLikeAttack } from './attack-patterns';
import { MapperError } from './errors';
import type { Knowledge } from './knowledge';
import { type FallbackReason, traceMapping } from './map-signals';
import type { MapperMetrics } from './metrics';
import { refuseRawContent } from './raw-content-guard';
import type { MapRequest } from './requests';

/** `hybrid` asks a model first, `rules_only` is the kill switch. */
export type MapperMode = 'hybrid' | 'rules_only';

export interface MappingOptions {
  readonly knowledge: Knowledge;
  readonly metrics: MapperMetrics;
  readonly mode: MapperMode;
  readonly rawContentGuard: boolean;
}

/** The checks and the counting round the pure mapping, the same for a lone payload and for an item of a batch. */
export class Mapping {
  private readonly detectors: ReadonlySet<string>;
  /** Why rules answer: no model backend exists yet. */
  private readonly reason: FallbackReason;

  constructor(private readonly options: MappingOptions) {
    this.reason = options.mode === 'rules_only' ? 'kill_switch' : 'model_unavailable';
    const { detectors } = options.knowledge;
    this.detectors = new Set(['orchestrated-multi', ...detectors.map(({ detector }) => detector)]);
  }

  /** @throws MapperError INSUFFICIENT_RBAC for another tenant's payload, INVALID_REQUEST for raw content */
  admit(payload: MapRequest, headerTenant: string | undefined): void {
    if (headerTenant !== undefined && payload.tenant_id !== headerTenant) {
      throw new MapperError('INSUFFICIENT_RBAC', 'tenant_id and X-Tenant-ID differ.', {
        detail: 'tenant_mismatch',
      });
    }
    if (this.options.rawContentGuard) refuseRawContent(payload);
    if (looksLikeAttack(payload.output)) this.options.metrics.suspicious.inc();
  }

  map(payload: MapRequest): MappingResponse {
    const { knowledge, metrics } = this.options;
    const { response, unmapped } = traceMapping(payload, knowledge, this.reason);
    for (const detector of unmapped) metrics.unmapped.inc({ detector: this.shown(detector) });
    metrics.countFallback(this.reason);
    metrics.confidence.observe(response.confidence);
    metrics.requests.inc({ detector: this.shown(payload.detector), status: 200 });
    return { ...response, provenance: { ...response.provenance, ts: new Date().toISOString() } };
  }

  /** Metric labels are bounded: detectors that are not known share one. */
  private shown(detector: string): string {
    return this.detectors.has(detector) ? detector : 'other';
  }
}

/** Counts an error that a payload was answered with. */
export function countError(metrics: MapperMetrics, { code, status, detail }: MapperError): void {
  metrics.errors.inc({ error_code: code });
  if (status === 400 || status === 415) metrics.rejected.inc({ reason: detail ?? 'other' });
}
