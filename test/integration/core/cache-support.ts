import type { OrchestrationResponse } from '../../../src/contract/answer';
import type { HttpAnswer, System } from '../../support/system';

/** Sends a body whole, as it is. */
export function send(
  system: System,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer> {
  return system.request<OrchestrationResponse>('POST', '/orchestrate', body, headers);
}

export function useOf(answer: HttpAnswer<unknown>): string | null {
  return answer.headers.get('x-cache');
}

/** Sends each body in turn. @returns what X-Cache says of each; all must be answered with 200 */
export async function usesOf(system: System, ...bodies: readonly object[]): Promise<(string | null)[]> {
  const uses: (string | null)[] = [];
  for (const body of bodies) {
    const answer = await send(system, body);
    expect(answer.status).toBe(200);
    uses.push(useOf(answer));
  }
  return uses;
}

/** What an answer out of the cache has of its own. */
export function ownOf(body: OrchestrationResponse) {
  const { request_id, job_id, processing_mode, total_processing_time_ms, timestamp, correlation_id } = body;
  const { idempotency_key, fallback_used, fallback_reasons, ...verdict } = body;
  const own = { request_id, job_id, processing_mode, timestamp, correlation_id, idempotency_key };
  const rest: Partial<OrchestrationResponse> = { ...verdict };
  for (const field of [...Object.keys(own), 'total_processing_time_ms']) {
    delete rest[field as keyof OrchestrationResponse];
  }
  return { own: { ...own, total_processing_time_ms, fallback_used, fallback_reasons }, verdict: rest };
}

export async function auditOf(system: System, requestId: string): Promise<Record<string, unknown>[]> {
  const { rows } = await system.db.query<{ kind: string; record: Record<string, unknown> }>(
    'select kind, record from audit where request_id = $1',
    [requestId],
  );
  return rows.map(({ kind, record }) => ({ kind, ...record }));
}
