import { Counter, Gauge, Histogram, Registry } from 'prom-client';

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

/** Series of the gateway (spec/gateway.md 9.2); labels hold nothing that a caller can make up. */
export class GatewayMetrics {
  readonly registry = new Registry();
  readonly #requests = new Counter({
    name: 'gateway_requests_total',
    help: 'Requests by upstream, method and class of status',
    labelNames: ['endpoint_id', 'method', 'status_class'],
    registers: [this.registry],
  });
  readonly #duration = new Histogram({
    name: 'gateway_request_duration_seconds',
    help: 'From the head of the request to the end of the answer',
    labelNames: ['endpoint_id', 'method'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: [this.registry],
  });
  readonly #inFlight = new Gauge({
    name: 'gateway_inflight_requests',
    help: 'Requests on their way',
    registers: [this.registry],
  });
  readonly #upstreamErrors = new Counter({
    name: 'gateway_upstream_errors_total',
    help: 'Requests that an upstream gave no answer to',
    labelNames: ['endpoint_id', 'code'],
    registers: [this.registry],
  });
  readonly #errors = new Counter({
    name: 'gateway_errors_total',
    help: 'Errors that the gateway answered with',
    labelNames: ['code'],
    registers: [this.registry],
  });

  began(): void {
    this.#inFlight.inc();
  }

  ended({ endpointId, method: given, status, code, seconds }: RoutedRequest): void {
    const method = knownMethods.has(given) ? given : 'OTHER';
    this.#inFlight.dec();
    this.#requests.inc({ endpoint_id: endpointId, method, status_class: `${Math.floor(status / 100)}xx` });
    this.#duration.observe({ endpoint_id: endpointId, method }, seconds);
    if (code === null) return;
    this.#errors.inc({ code });
    if (code.startsWith('UPSTREAM_')) this.#upstreamErrors.inc({ endpoint_id: endpointId, code });
  }
}
