import { randomUUID } from 'node:crypto';
import {
  type BatchOrchestrationResponse,
  batchOrchestrationResponseSchema,
} from '../../../src/contract/batch';
import type { HttpAnswer, System } from '../../support/system';

export type Item = Readonly<Record<string, unknown>>;

export interface BatchCall {
  readonly requests: readonly unknown[];
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Beside `requests`. */
  readonly envelope?: Item;
}

/** So many texts of their own, which demo/default accepts. */
export function texts(system: System, howMany: number, overrides: Item = {}): Item[] {
  return Array.from({ length: howMany }, () => system.body(overrides));
}

/** A batch as it is answered, whatever with. */
export function postBatch<T = BatchOrchestrationResponse>(
  system: System,
  call: BatchCall,
): Promise<HttpAnswer<T>> {
  const body = { requests: call.requests, ...call.envelope };
  const headers = { 'idempotency-key': call.key ?? randomUUID(), ...call.headers };
  return system.request<T>('POST', '/orchestrate/batch', body, headers);
}

/** A batch that is answered with 200, its answer as the contract has it. */
export async function batch(system: System, call: BatchCall): Promise<BatchOrchestrationResponse> {
  const { status, body } = await postBatch(system, call);
  expect(status).toBe(200);
  const answer = batchOrchestrationResponseSchema.parse(body);
  expect(answer.results.map(({ index }) => index)).toEqual([...call.requests.keys()]);
  expect(answer.total_requests).toBe(call.requests.length);
  expect(answer.completed_requests + answer.accepted_requests + answer.failed_requests).toBe(
    answer.total_requests,
  );
  return answer;
}

/** How many contents each call of a detector carried, of those that are in the batch. */
export function loads(system: System, detector: string, requests: readonly Item[]): number[] {
  const contents = new Set(requests.map(({ content }) => content));
  return system.detectors
    .callsOf(detector)
    .map((call) => call.contents.filter((content) => contents.has(content)).length)
    .filter((load) => load > 0);
}

export async function runCount(system: System): Promise<number> {
  const { rows } = await system.db.query<{ n: number }>('select count(*)::int as n from run_key');
  return rows[0]!.n;
}
