import { randomUUID } from 'node:crypto';
import type { OrchestrationResponse } from '../../../src/contract/answer';
import { eventually } from '../../support/eventually';
import type { Behavior, ReceivedCall } from '../../support/fake-detectors';
import type { HttpAnswer, System } from '../../support/system';

/**
 * A detector that hangs hangs until the test says otherwise, and a job lasts as long as the test does: however slow the
 * machine, nothing is called again but for a crash.
 */
export const patient = { timeout_ms: 30_000 };
export const patience = { ORCHESTRATION_ORCHESTRATION__ASYNC_REQUEST_SLA_MS: '120000' };

/** A request that can be sent again as it was. */
export interface Repeatable {
  readonly body: Record<string, unknown>;
  readonly headers: Record<string, string>;
}

/** With a content of its own, by which its detector calls are told from others. */
export function repeatable(
  system: System,
  mode: 'sync' | 'async',
  keyed: boolean,
  overrides: Readonly<Record<string, unknown>> = {},
): Repeatable {
  return {
    body: system.body({ processing_mode: mode, ...overrides }),
    headers: keyed ? { 'idempotency-key': randomUUID() } : {},
  };
}

/** @returns null when the connection broke before the answer */
export async function send(system: System, request: Repeatable): Promise<HttpAnswer | null> {
  try {
    return await system.request<OrchestrationResponse>('POST', '/orchestrate', request.body, request.headers);
  } catch (error) {
    // Not instanceof: fetch throws a TypeError of another realm than the test's.
    if ((error as Error).name === 'TypeError') return null;
    throw error;
  }
}

/** As a client does it: again with the same key until the answer is none of our faults. */
export function insist(system: System, request: Repeatable): Promise<HttpAnswer> {
  return eventually(
    () => send(system, request),
    (answer) => answer !== null && answer.status < 500,
  ) as Promise<HttpAnswer>;
}

/** Follows an accepted request to its end. @returns the status of the final answer */
export async function finalStatus(system: System, answer: HttpAnswer): Promise<string> {
  if (answer.status !== 202) return 'completed';
  const job = await system.ended(answer.body.job_id!);
  return String(job['status']);
}

export function callsAbout(system: System, request: Repeatable, detector: string): readonly ReceivedCall[] {
  return system.detectors
    .callsOf(detector)
    .filter(({ contents }) => contents.includes(String(request.body['content'])));
}

/** Hangs until it is switched; calls that hang by then stay so. */
export function hangingUntilSwitched(then: Behavior): { behavior: Behavior; switch: () => void } {
  let hanging = true;
  return {
    behavior: (call, response) => (hanging ? undefined : then(call, response)),
    switch: () => void (hanging = false),
  };
}

/**
 * Waits until no job and no run is open any more, then holds the tables against each other: every outcome has one
 * audit row and no other has any, and every claim leads to an outcome that may be replayed.
 */
export async function settled(system: System): Promise<void> {
  await eventually(
    async () => {
      const { rows } = await system.db.query<{ jobs: number; runs: number }>(
        `select (select count(*)::int from orchestration where status in ('pending', 'running')) as jobs,
                (select count(*)::int from run_key where closed_at is null) as runs`,
      );
      return rows[0]!;
    },
    ({ jobs, runs }) => jobs === 0 && runs === 0,
    { withinMs: 30_000 },
  );
  const unaudited = await system.db.query(
    `select request_id, o.status, count(a.sequence)::int as audits
     from orchestration o full join (select * from audit where kind = 'orchestration') a using (request_id)
     group by request_id, o.request_id, o.status
     having count(a.sequence) <> 1
       -- An answer out of the cache, asked for without a key, leaves its audit record alone.
       or (o.request_id is null and not bool_or(a.record ? 'answered_from'))`,
  );
  expect(unaudited.rows).toEqual([]);
  const dead = await system.db.query(
    `select i.request_id, o.status from idempotency i left join orchestration o using (request_id)
     where o.status is distinct from 'completed'`,
  );
  expect(dead.rows).toEqual([]);
}

/** How many orchestrations are stored, by status. */
export async function outcomes(system: System): Promise<Record<string, number>> {
  const { rows } = await system.db.query<{ status: string; n: number }>(
    'select status, count(*)::int as n from orchestration group by status',
  );
  return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
}
