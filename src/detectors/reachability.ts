import { request } from 'undici';
import type { DetectorRegistration } from '../contract/registration';
import type { EndpointConfig } from '../contract/upstream';
import { CredentialsError } from '../outbound/credentials-error';
import type { Outbound } from '../outbound/outbound';
import { OutboundRefused } from '../outbound/target-rules';
import { healthPathOf } from './health-probe';

const patienceMs = 5000;
const enoughBytes = 64 * 1024;

/**
 * Why an upstream that is to be registered cannot be used; null when it can: a detector has to say that it is healthy,
 * of anything else it is enough that it speaks HTTP.
 */
export async function faultOf(
  upstream: DetectorRegistration | EndpointConfig,
  outbound: Pick<Outbound, 'pools' | 'credentials'>,
): Promise<string | null> {
  const isDetector = 'endpoint' in upstream;
  const base = isDetector ? upstream.endpoint : upstream.url;
  const path = isDetector ? healthPathOf(upstream) : upstream.health_check_path;
  // Its protocol has no place that says how it is: what it makes of a sample tells.
  if (path === null) return null;
  try {
    const signal = AbortSignal.timeout(patienceMs);
    const { statusCode, body } = await request(path === undefined ? base : new URL(path, base), {
      method: 'GET',
      headers: isDetector ? await outbound.credentials.headersFor(upstream) : {},
      dispatcher: outbound.pools.dispatcherFor({
        id: 'registration',
        tls: undefined,
        maxAnswerBytes: enoughBytes,
      }),
      signal,
    });
    await body.dump({ limit: enoughBytes, signal });
    if (!isDetector || (statusCode >= 200 && statusCode < 300)) return null;
    return `its health path answered ${statusCode}`;
  } catch (error) {
    return `it cannot be reached (${reasonOf(error)})`;
  }
}

function reasonOf(error: unknown): string {
  const { code, name, message } = error as { code?: unknown; name: string; message: string };
  if (error instanceof OutboundRefused || error instanceof CredentialsError) return message;
  if (name === 'TimeoutError') return 'no answer in time';
  return typeof code === 'string' ? code : name;
}
