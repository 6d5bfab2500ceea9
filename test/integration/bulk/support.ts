import type { BulkJobResponse, BulkOutcome } from '../../../src/contract/bulk';
import { bulkJobResponseSchema, bulkOutcomeSchema } from '../../../src/contract/bulk';
import { eventually } from '../../support/eventually';
import type { HttpAnswer, System } from '../../support/system';

export const route = '/orchestrate/bulk';

/** An upload of these lines; objects are requests that {@link System.body} makes whole. */
export function upload(
  system: System,
  lines: readonly (string | Record<string, unknown>)[],
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer<BulkJobResponse>> {
  return send(system, textOf(system, lines), headers);
}

export function textOf(system: System, lines: readonly (string | Record<string, unknown>)[]): string {
  return lines
    .map((line) => (typeof line === 'string' ? line : JSON.stringify(system.body(line))))
    .join('\n');
}

export function send(
  system: System,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer<BulkJobResponse>> {
  return system.request('POST', route, text, { 'content-type': 'application/x-ndjson', ...headers });
}

/** Uploads what must be taken. @returns the job's id */
export async function submit(system: System, lines: Parameters<typeof upload>[1]): Promise<string> {
  const { status, body, headers } = await upload(system, lines);
  expect(status).toBe(202);
  expect(headers.get('location')).toBe(`/api/v1${route}/${body.bulk_id}`);
  return bulkJobResponseSchema.parse(body).bulk_id;
}

export async function jobOf(system: System, bulkId: string): Promise<BulkJobResponse> {
  const { status, body } = await system.request('GET', `${route}/${bulkId}`);
  expect(status).toBe(200);
  return bulkJobResponseSchema.parse(body);
}

export function until(
  system: System,
  bulkId: string,
  satisfies: (job: BulkJobResponse) => boolean,
  { withinMs = 60_000 } = {},
): Promise<BulkJobResponse> {
  return eventually(() => jobOf(system, bulkId), satisfies, { withinMs });
}

export const ended = (system: System, bulkId: string): Promise<BulkJobResponse> =>
  until(system, bulkId, ({ completed_at }) => completed_at !== null);

export async function outcomesOf(system: System, bulkId: string, query = ''): Promise<BulkOutcome[]> {
  const response = await fetch(`${system.url}/api/v1${route}/${bulkId}/outcomes${query}`);
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/x-ndjson']);
  const text = await response.text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => bulkOutcomeSchema.parse(JSON.parse(line)));
}

/** Outcomes of items that a run has published, by request, with how often each was audited. */
export async function audited(system: System, outcomes: readonly BulkOutcome[]): Promise<number[]> {
  const ids = outcomes.map(({ request_id }) => request_id);
  const { rows } = await system.db.query<{ request_id: string; n: number }>(
    'select request_id, count(*)::int as n from audit where request_id = any($1) group by request_id',
    [ids],
  );
  const counts = new Map(rows.map(({ request_id, n }) => [request_id, n]));
  return ids.map((id) => counts.get(id) ?? 0);
}
