import type { JobStart } from '../../../src/submission/job-starts';
import { JobStarts } from '../../../src/submission/job-starts';
import { Companions } from '../../../src/submission/companions';
import { claimFor } from '../../../src/submission/fingerprint';
import { acceptedOf, memberOf, plannedWith, requestOf, World } from './support';

let world: World;
let starts: JobStarts;
beforeEach(() => {
  world = new World();
  starts = new JobStarts({
    runs: world.runs,
    orchestrations: world.orchestrations,
    gateway: world.gateway,
    memo: world.memo,
    inputs: world.runInputs,
    sla: { sync_request_sla_ms: 2000 },
    pause: async () => undefined,
  } as unknown as ConstructorParameters<typeof JobStarts>[0]);
});

function job(id: string, digest = 'digest', content = 'a text'): JobStart {
  return {
    accepted: acceptedOf({ requestId: id }, { content }),
    planned: plannedWith({ digest }),
    member: memberOf({ request_id: id, mode: 'async', content }),
    claim: claimFor('POST /orchestrate/batch', id, requestOf(), id),
  };
}

function startAll(jobs: readonly JobStart[]) {
  const companions = new Companions(
    jobs.map(({ member }) => member.request_id),
    1000,
  );
  return Promise.allSettled(jobs.map((one) => starts.startTogether(one, companions)));
}

const loads = () => world.started.map(({ input }) => input.members.map(({ request_id: id }) => id));

describe('Jobs of one batch', () => {
  it('start as one run of an id of its own, recorded before', async () => {
    const answers = await startAll([job('a'), job('b')]);
    expect(loads()).toEqual([['a', 'b']]);
    const { run_id: runId } = world.started[0]!.input;
    expect(world.events).toEqual([
      'begin',
      `claim ${runId}`,
      `claim ${runId}`,
      `open ${runId} 0`,
      'record job-a pending',
      'record job-b pending',
      'commit',
      `start ${runId}`,
    ]);
    expect(world.recorded.map((one) => one.runId)).toEqual([runId, runId]);
    expect(answers).toMatchObject([
      { value: { status: 202, requestId: 'a', jobId: 'job-a' } },
      { value: { status: 202, requestId: 'b', jobId: 'job-b' } },
    ]);
    expect(world.memo.wasBornHere(runId)).toBe(false);
  });

  it('of other plans start by themselves', async () => {
    await startAll([job('a', 'one'), job('b', 'other'), job('c', 'one')]);
    expect(loads()).toEqual([['a', 'c'], ['b']]);
  });

  it('are no more in a run than Temporal can name, and no more bytes than a run takes', async () => {
    await startAll(Array.from({ length: 100 }, (_, index) => job(String(index))));
    expect(loads().map(({ length }) => length)).toEqual([40, 40, 20]);
    world.started.length = 0;
    await startAll(
      Array.from({ length: 30 }, (_, index) => job(`large-${index}`, 'digest', 'x'.repeat(4096))),
    );
    for (const { input } of world.started) {
      const bytes = input.members.reduce((sum, { content }) => sum + content.length, 0);
      expect(bytes).toBeLessThanOrEqual(96 * 1024);
    }
    expect(loads().flat()).toHaveLength(30);
  });

  it('leave out one whose key another request holds', async () => {
    const held = job('held');
    await world.runs.claim({ ...held.claim!, requestId: 'another' }, 'other-run');
    const answers = await startAll([job('a'), held]);
    expect(loads()).toEqual([['a']]);
    expect(world.recorded.map(({ jobId }) => jobId)).toEqual(['job-a']);
    expect(answers).toMatchObject([{ value: { jobId: 'job-a' } }, { value: null }]);
  });

  it('all fail when their run could not be started, and nothing of them stays', async () => {
    world.startError = new Error('refused');
    const answers = await startAll([job('a'), job('b')]);
    expect(answers).toMatchObject([
      { reason: { code: 'INTERNAL_ERROR', detail: 'store_or_engine_error' } },
      { reason: { code: 'INTERNAL_ERROR', detail: 'store_or_engine_error' } },
    ]);
    expect(world.claims).toEqual([]);
  });
});
