import { request } from 'undici';
import type { TlsReferences } from '../contract/outbound-auth';
import type { Upstream } from '../contract/upstream';
import type { Outbound } from '../outbound/outbound';
import { asGatewayError } from './failure';
import { ownAuth } from './own-auth';

/** What came of asking an upstream once. */
export interface Trial {
  readonly status_code: number | null;
  /** Seconds. */
  readonly response_time: number;
  readonly success: boolean;
  readonly error: string | null;
}

const limitMs = 10_000;
const methods = {
  http_get: 'GET',
  http_head: 'HEAD',
  http_post: 'POST',
  tcp: 'HEAD',
  custom: 'GET',
} as const;

/** Asks an upstream as its health check does, over a connection of its own; neither breaker nor health learn of it. */
export async function tryOut(
  outbound: Pick<Outbound, 'pools' | 'credentials'>,
  { endpoint_id, config }: Upstream,
): Promise<Trial> {
  const { health_check: check, health_check_path, auth_config } = config;
  const path = check.path ?? health_check_path;
  const url = check.url ?? (path === undefined ? config.url : new URL(path, config.url).href);
  const startedAt = performance.now();
  const trial = (status: number | null, success: boolean, error: string | null): Trial => ({
    status_code: status,
    response_time: Math.round(performance.now() - startedAt) / 1000,
    success,
    error,
  });
  try {
    const response = await request(url, {
      method: methods[check.type],
      headers: { ...check.headers, ...(await outbound.credentials.headersFor(ownAuth(config))) },
      ...(check.type === 'http_post' && check.body !== undefined ? { body: check.body } : {}),
      signal: AbortSignal.timeout(limitMs),
      dispatcher: outbound.pools.dispatcherFor({
        id: `trial ${endpoint_id}`,
        tls: auth_config['tls'] as TlsReferences | undefined,
        allowPrivateNetwork: config.allow_private_network,
      }),
    });
    await response.body.dump({ limit: 64 * 1024 });
    const expected = check.expected_status.some((one) =>
      typeof one === 'number' ? one === response.statusCode : one[0] === String(response.statusCode)[0],
    );
    return trial(response.statusCode, expected, expected ? null : 'the status is not an expected one');
  } catch (error) {
    const late = (error as { name?: unknown } | null)?.name === 'TimeoutError';
    return trial(null, false, late ? 'no answer within 10 s' : asGatewayError(error).message);
  }
}
