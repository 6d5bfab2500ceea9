import type { DetectorItem, DetectorRequest } from './adapter';

/** Headers of every detector call (spec/orchestration.md 1.10) beside the credentials, which the client knows. */
export async function requestHeaders(
  request: DetectorRequest,
  item?: DetectorItem,
): Promise<Record<string, string>> {
  return {
    'X-Tenant-ID': request.tenantId,
    'X-Request-ID': (item ?? request.items[0])?.requestId ?? '',
    'X-Correlation-ID': request.correlationId,
    'Idempotency-Key': item ? `${itemId(item)}:${request.detector}` : request.idempotencyKey,
    ...(request.traceparent === null ? {} : { traceparent: request.traceparent }),
  };
}

/** What tells an item from all others; parts of one content are items of their own. */
export function itemId({ requestId, part }: DetectorItem): string {
  return part === undefined ? requestId : `${requestId}.${part}`;
}
