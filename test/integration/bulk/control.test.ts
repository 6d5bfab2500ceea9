import { eventually } from '../../support/eventually';
import { expectContractError } from '../../support/contract-error';
import { findings, held } from '../../support/fake-detectors';
import { type Part, System } from '../../support/system';
import type { BulkJobResponse } from '../../../src/contract/bulk';
import { patience } from '../../support/patience';
import { audited, ended, jobOf, outcomesOf, route, submit, until, upload } from './support';

/** More than the chunks of a job that are in flight at a time. */
const chunks = 8;
const inFlight = 4;
/** Chunks, of whatever job, that a process works on at a time. */
const bulkSlots = 10;
const items = Array.from({ length: chunks * 256 }, (_, n) => ({ content: `item ${n}` }));

let system: System;
let worker: Part;
beforeAll(async () => {
  system = await System.start({
    env: {
      ...patience,
      ORCHESTRATION_SERVICE__DRAIN_SECONDS: '80',
      ORCHESTRATION_ORCHESTRATION__ASYNC_REQUEST_SLA_MS: '120000',
      ORCHESTRATION_ORCHESTRATION__CIRCUIT_BREAKER_FAILURE_THRESHOLD: '1000',
    },
    detectors: [{ name: 'a', max_batch: 256, timeout_ms: 30_000 }],
  });
  worker = system.parts.find(({ kind }) => kind === 'worker')!;
});
afterAll(() => system?.stop());
beforeEach(() => system.detectors.reset());

const act = (bulkId: string, action: string) =>
  system.request<BulkJobResponse>('POST', `${route}/${bulkId}/${action}`);
const cancel = (bulkId: string) => system.request<BulkJobResponse>('DELETE', `${route}/${bulkId}`);

/** Detectors wait until they are released; so many chunks are at it. */
async function heldJob() {
  const gate = held(findings());
  system.detectors.behave('a', gate.behavior);
  const bulkId = await submit(system, items);
  await system.detectors.called('a', inFlight);
  return { bulkId, release: gate.release };
}

async function expectAllAnsweredOnce(bulkId: string): Promise<void> {
  const outcomes = await outcomesOf(system, bulkId);
  expect(outcomes.map(({ index }) => index)).toEqual(items.map((_, index) => index));
  expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['completed']));
  expect(new Set(await audited(system, outcomes))).toEqual(new Set([1]));
  const { rows } = await system.db.query('select 1 from run_key where bulk_id = $1 and closed_at is null', [
    bulkId,
  ]);
  expect(rows).toEqual([]);
}

describe('A bulk job', () => {
  it('pauses after the chunks in flight, and goes on when resumed', async () => {
    const { bulkId, release } = await heldJob();
    expect((await act(bulkId, 'pause')).body.status).toBe('paused');
    expect((await act(bulkId, 'pause')).status).toBe(200);
    release();
    const paused = await until(system, bulkId, (job) => job.processed_items >= inFlight * 256);
    expect(paused).toMatchObject({ status: 'paused', completed_at: null });
    expect(system.detectors.callsOf('a')).toHaveLength(inFlight);
    expect((await act(bulkId, 'resume')).body.status).toBe('running');
    expect((await act(bulkId, 'resume')).status).toBe(200);
    expect(await ended(system, bulkId)).toMatchObject({ status: 'completed', processed_items: items.length });
    expect(system.detectors.callsOf('a')).toHaveLength(chunks);
    await expectAllAnsweredOnce(bulkId);
    expectContractError(await act(bulkId, 'pause'), { status: 409, detail: 'bulk_not_pausable' });
    expectContractError(await act(bulkId, 'resume'), { status: 409, detail: 'bulk_not_resumable' });
    expectContractError(await cancel(bulkId), { status: 409, detail: 'bulk_not_cancellable' });
  });

  it('that is cancelled drops what runs and starts nothing more', async () => {
    const { bulkId, release } = await heldJob();
    expectContractError(await act(bulkId, 'rerun'), { status: 409, detail: 'bulk_not_finished' });
    expect((await cancel(bulkId)).body.status).toBe('cancelled');
    expect((await cancel(bulkId)).status).toBe(200);
    const job = await ended(system, bulkId);
    release();
    expect(job).toMatchObject({
      status: 'cancelled',
      processed_items: items.length,
      outcomes: { completed: 0, partial: 0, failed: 0, cancelled: items.length },
    });
    expect(system.detectors.callsOf('a').length).toBeLessThanOrEqual(inFlight);
    const outcomes = await outcomesOf(system, bulkId);
    expect(new Set(outcomes.map(({ status, response }) => `${status} ${String(response === null)}`))).toEqual(
      new Set(['cancelled true']),
    );
    const handle = system.temporal.workflow.getHandle(bulkId);
    await eventually(
      () => handle.describe(),
      ({ status }) => status.name === 'CANCELLED',
    );
    expect((await jobOf(system, bulkId)).completed_at).toBe(job.completed_at);
  });

  it('that is cancelled is told so though chunks hold every slot in which its run could be', async () => {
    const gate = held(findings());
    system.detectors.behave('a', gate.behavior);
    const jobs = [await submit(system, items), await submit(system, items), await submit(system, items)];
    await system.detectors.called('a', bulkSlots);
    const [first, ...others] = jobs;
    expect((await cancel(first!)).body.status).toBe('cancelled');
    // Sooner than any detector gives up.
    await until(system, first!, ({ completed_at }) => completed_at !== null, { withinMs: 20_000 });
    await Promise.all(others.map(cancel));
    await Promise.all(others.map((bulkId) => ended(system, bulkId)));
    gate.release();
  });

  it('frees its key when it is cancelled', async () => {
    const gate = held(findings());
    system.detectors.behave('a', gate.behavior);
    const key = { 'idempotency-key': 'freed' };
    const first = await upload(system, [{}], key);
    await cancel(first.body.bulk_id);
    gate.release();
    await ended(system, first.body.bulk_id);
    const second = await upload(system, [{}], key);
    expect(second.status).toBe(202);
    expect(second.body.bulk_id).not.toBe(first.body.bulk_id);
    await ended(system, second.body.bulk_id);
  });

  it('tells its progress as it goes, to the end, and sends back nobody who has seen it', async () => {
    const { bulkId, release } = await heldJob();
    const stream = await fetch(`${system.url}/api/v1${route}/${bulkId}/events`, {
      headers: { 'last-event-id': 'whatever' },
    });
    expect(stream.headers.get('content-type')).toMatch(/^text\/event-stream/);
    release();
    const events = eventsIn(await stream.text());
    const progress = events.map(({ data }) => data.processed_items);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(progress[0]).toBe(0);
    expect(events.slice(0, -1).every(({ event }) => event === 'progress')).toBe(true);
    expect(events.at(-1)).toMatchObject({ event: 'end', data: { status: 'completed', progress: 1 } });
    const again = await system.request('GET', `${route}/${bulkId}/events`, undefined, {
      'last-event-id': events.at(-1)!.id,
    });
    expect(again.status).toBe(204);
  });
});

it('An event stream does not hold up a facade that stops', async () => {
  const { bulkId, release } = await heldJob();
  const stream = await fetch(`${system.url}/api/v1${route}/${bulkId}/events`);
  const told = stream.text();
  expect(await system.facade.end('SIGTERM')).toBe(0);
  const events = eventsIn(await told);
  expect(events.at(-1)).toMatchObject({ event: 'progress', data: { bulk_id: bulkId } });
  release();
  await system.startPart('api');
  await ended(system, bulkId);
});

describe('A bulk job loses no item and answers none twice when', () => {
  it('the worker and the facade are killed in the middle', async () => {
    const { bulkId, release } = await heldJob();
    await system.facade.kill();
    await worker.kill();
    release();
    await system.startPart('api');
    worker = await system.startPart('worker');
    expect(await ended(system, bulkId)).toMatchObject({
      status: 'completed',
      outcomes: { completed: items.length, partial: 0, failed: 0, cancelled: 0 },
    });
    await expectAllAnsweredOnce(bulkId);
  });

  it('the worker is killed between publication and the count', async () => {
    await worker.kill();
    worker = await system.startPart('worker', { CONCLAVE_PAUSE_AT: 'published' });
    const bulkId = await submit(system, items);
    await worker.paused('published', inFlight);
    await worker.kill();
    worker = await system.startPart('worker');
    await ended(system, bulkId);
    await expectAllAnsweredOnce(bulkId);
  });

  it('its workflow is terminated', async () => {
    const { bulkId, release } = await heldJob();
    await system.temporal.workflow.getHandle(bulkId).terminate();
    release();
    expect(await ended(system, bulkId)).toMatchObject({ status: 'completed', processed_items: items.length });
    await expectAllAnsweredOnce(bulkId);
  });

  it('a chunk of it is terminated', async () => {
    const { bulkId, release } = await heldJob();
    const { rows } = await system.db.query<{ run_id: string }>(
      'select run_id from run_key where bulk_id = $1 and run_id <> $1 and closed_at is null limit 1',
      [bulkId],
    );
    await system.temporal.workflow.getHandle(rows[0]!.run_id).terminate();
    release();
    await ended(system, bulkId);
    await expectAllAnsweredOnce(bulkId);
  });

  it('the facade dies while it uploads: nothing of it stays, and its key is free', async () => {
    const { bulkId } = await abandonedUpload();
    await system.db.query(`update bulk_job set lease_until = now() where bulk_id = $1`, [bulkId]);
    await eventually(
      async () => {
        const { rows } = await system.db.query('select 1 from bulk_job where bulk_id = $1', [bulkId]);
        return rows.length;
      },
      (left) => left === 0,
    );
    const again = await upload(system, [{}], { 'idempotency-key': 'abandoned' });
    expect(again.status).toBe(202);
    await ended(system, again.body.bulk_id);
  });

  async function abandonedUpload(): Promise<{ bulkId: string }> {
    const line = `${JSON.stringify(system.body())}\n`;
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent++ < 300) controller.enqueue(new TextEncoder().encode(line));
      },
    });
    const uploading = fetch(`${system.url}/api/v1${route}`, {
      method: 'POST',
      body,
      duplex: 'half',
      headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': 'abandoned' },
    }).catch(() => null);
    const bulkId = await eventually(
      async () => {
        const { rows } = await system.db.query<{ bulk_id: string }>(
          `select bulk_id from bulk_job join bulk_chunk using (bulk_id) where status = 'uploading'`,
        );
        return rows[0]?.bulk_id ?? '';
      },
      (id) => id !== '',
    );
    await system.facade.kill();
    await uploading;
    await system.startPart('api');
    return { bulkId };
  }
});

interface Event {
  readonly id: string;
  readonly event: string;
  readonly data: BulkJobResponse;
}

function eventsIn(text: string): Event[] {
  return text.split('\n\n').flatMap((block): Event[] => {
    const fields = new Map(
      block.split('\n').map((line) => [line.split(': ', 1)[0]!, line.slice(line.indexOf(': ') + 2)]),
    );
    const data = fields.get('data');
    if (data === undefined) return [];
    return [
      { id: fields.get('id')!, event: fields.get('event')!, data: JSON.parse(data) as BulkJobResponse },
    ];
  });
}
