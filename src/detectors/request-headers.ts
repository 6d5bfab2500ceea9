import type { DetectorRequest } from './adapter';
import { authHeaders } from './outbound-auth';

/** Headers of every detector call (spec/orchestration.md 1.10). */
export async function requestHeaders(
  request: DetectorRequest,
  item?: string,
): Promise<Record<string, string>> {
  return {
    ...(await authHeaders(request.call)),
    'X-Tenant-ID': request.tenantId,
    'X-Request-ID': item ?? request.items[0]?.requestId ?? '',
    'X-Correlation-ID': request.correlationId,
    'Idempotency-Key': item === undefined ? request.idempotencyKey : `${item}:${request.detector}`,
    ...(request.traceparent === null ? {} : { traceparent: request.traceparent }),
  };
}
