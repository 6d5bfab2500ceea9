import { Gauge } from 'prom-client';
import { endpointLabel } from './endpoint-label';
import { forget, type Metrics } from './metrics';

/** One request that was passed on, or was not. */
export interface RoutedRequest {
  readonly endpointId: string;
  readonly method: string;
  readonly status: number;
  /** Of the gateway's own answer; null when it is the upstream's. */
  readonly code: string | null;
  readonly seconds: number;
}

const knownMethods = new Set(['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS']);

/** Series of the proxy (spec/gateway.md 9.2); labels hold nothing that a caller can make up. */
export class GatewayMetrics {
  readonly #requests;
  readonly #duration;
  readonly #inFlight;
  readonly #upstreamErrors;
  readonly #errors;

  constructor(metrics: Metrics) {
    this.#requests = metrics.counter(
      'gateway_requests_total',
      'Requests by upstream, method and class of status',
      ['endpoint_id', 'method', 'status_class'],
    );
    this.#duration = metrics.histogram(
      'gateway_request_duration_seconds',
      'From the head of the request to the end of the answer',
      ['endpoint_id', 'method'],
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    );
    this.#inFlight = new Gauge({
      name: 'gateway_inflight_requests',
      help: 'Requests on their way through the proxy',
      registers: [metrics.seen],
    });
    this.#upstreamErrors = metrics.counter(
      'gateway_upstream_errors_total',
      'Requests that an upstream gave no answer to',
      ['endpoint_id', 'code'],
    );
    this.#errors = metrics.counter('gateway_errors_total', 'Errors that the gateway answered with', ['code']);
  }

  began(): void {
    this.#inFlight.inc();
  }

  ended({ endpointId, method: given, status, code, seconds }: RoutedRequest): void {
    const method = knownMethods.has(given) ? given : 'OTHER';
    const endpoint_id = endpointLabel(endpointId);
    this.#inFlight.dec();
    this.#requests.inc({ endpoint_id, method, status_class: `${Math.floor(status / 100)}xx` });
    this.#duration.observe({ endpoint_id, method }, seconds);
    if (code === null) return;
    this.#errors.inc({ code });
    if (code.startsWith('UPSTREAM_')) this.#upstreamErrors.inc({ endpoint_id, code });
  }

  /** Upstreams that are registered no more. */
  async forget(endpointIds: readonly string[]): Promise<void> {
    const labels = endpointIds.map(endpointLabel);
    await forget(this.#requests, 'endpoint_id', labels);
    await forget(this.#duration, 'endpoint_id', labels);
    await forget(this.#upstreamErrors, 'endpoint_id', labels);
  }
}
