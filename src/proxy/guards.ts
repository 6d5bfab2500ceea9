import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../contract/errors';
import type { EndpointConfig, Upstream } from '../contract/upstream';
import { tooLarge } from './metered-body';

/** What the guards look at; of a request, or of one that is only imagined. */
export interface Guarded {
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
}

export interface HealthView {
  /** Whether health says that nothing may be sent there now. */
  isUnhealthy(endpointId: string): boolean;
}

/** Methods that an upstream is asked with; who may GET may HEAD. */
export function allowedMethods({ methods }: EndpointConfig): readonly string[] {
  return methods.includes('GET') && !methods.includes('HEAD') ? [...methods, 'HEAD'] : methods;
}

/** The first of the guards of spec/gateway.md 4; next it is asked who calls. @throws GatewayError */
export function assertMethod({ config, endpoint_id: id }: Upstream, request: Pick<Guarded, 'method'>): void {
  const methods = allowedMethods(config);
  if (!methods.includes(request.method)) {
    throw new GatewayError('METHOD_NOT_ALLOWED', `${id} is not asked with this method`, {
      headers: { Allow: methods.join(', ') },
    });
  }
}

/** The other guards, in their order, up to the breaker. @throws GatewayError */
export function assertPasses(upstream: Upstream, request: Guarded, health: HealthView): void {
  const { config, endpoint_id: id, status } = upstream;
  if (status !== 'active') throw new GatewayError('ENDPOINT_DISABLED', `${id} is ${status}`);
  if (health.isUnhealthy(id)) throw new GatewayError('ENDPOINT_UNHEALTHY', `${id} is unhealthy`);
  if (Number(request.headers['content-length'] ?? 0) > config.max_body_bytes) {
    throw tooLarge(config.max_body_bytes);
  }
  const upgrade = request.headers.upgrade?.toLowerCase();
  // Clients offer HTTP/2 without need of it.
  if (upgrade !== undefined && upgrade !== 'h2c') {
    throw new GatewayError('NOT_SUPPORTED', 'protocol upgrades are not passed on');
  }
}
