import type { IncomingMessage } from 'node:http';
import { ConclaveError, GatewayError } from '../contract/errors';
import type { EndpointConfig, Upstream } from '../contract/upstream';
import { forwardsCredentials } from './headers';
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

/**
 * The guards of spec/gateway.md 4 in their order, up to the breaker.
 * @throws GatewayError, or ConclaveError for credentials
 */
export function assertPasses(upstream: Upstream, request: Guarded, health: HealthView): void {
  const { config, endpoint_id: id, status } = upstream;
  const methods = allowedMethods(config);
  if (!methods.includes(request.method)) {
    throw new GatewayError('METHOD_NOT_ALLOWED', `${id} is not asked with this method`, {
      headers: { Allow: methods.join(', ') },
    });
  }
  refuseUnknownCredentials(config, request.headers);
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

/**
 * There is no authentication yet, so no credential can be known. One that is meant for us is not quietly ignored: those of
 * the gateway, and those that do not travel on.
 */
function refuseUnknownCredentials(config: EndpointConfig, headers: IncomingMessage['headers']): void {
  const forUs =
    headers['x-gateway-authorization'] ??
    headers['x-gateway-key'] ??
    (forwardsCredentials(config) ? undefined : (headers.authorization ?? headers['x-api-key']));
  if (forUs === undefined) return;
  throw new ConclaveError(
    'UNAUTHORIZED',
    'this credential is unknown: the server runs without authentication (development); leave it out',
    { detail: 'unknown_credential' },
  );
}
