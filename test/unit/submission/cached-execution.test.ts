import { finalAnswer } from '../../../src/activities/answer';
import { type CachedAnswer, KeptAnswer } from '../../../src/store/cached-answer';
import type { Lookup } from '../../../src/store/response-cache';
import type { Claim } from '../../../src/store/runs';
import { CachedExecution } from '../../../src/submission/cached-execution';
import type { Accepted, Answer } from '../../../src/submission/execution';
import { claimFor } from '../../../src/submission/fingerprint';
import { ending, plan } from '../activities/samples';
import { acceptedOf, answerWith, plannedWith, planWith, requestOf } from './support';

const verdict = { status: 200, error_code: null, fallback_used: false, fallback_reasons: [] };
const judged = finalAnswer(plan, ending(), verdict, null, 2000);
const kept = KeptAnswer.of(judged)!.answer;
const sla = {
  sync_request_sla_ms: 2000,
  async_request_sla_ms: 30_000,
  sync_to_async_threshold_ms: 1500,
  priority_sla_overrides: {},
  mapper_timeout_budget_ms: 500,
};

/** An execution that ends when the test says so. */
interface Running {
  readonly accepted: Accepted;
  end(answer: Partial<Answer> | null): void;
  fail(error: Error): void;
}

function world({ cacheOn = true } = {}) {
  const running: Running[] = [];
  const given: { source: string; claim: unknown; id: string }[] = [];
  const remembered: CachedAnswer[] = [];
  const claims: string[] = [];
  const state = {
    key: 'name' as string | null,
    found: { kind: 'miss' } as Lookup,
    job: false,
    free: true,
    record: async (): Promise<void> => undefined,
  };
  const cached = new CachedExecution({
    execution: {
      run: (accepted) =>
        new Promise((resolve, reject) => {
          const end = (answer: Partial<Answer> | null) =>
            resolve(answer && { ...judged, requestId: accepted.requestId, jobId: null, ...answer });
          running.push({ accepted, end, fail: reject });
        }),
      becomesJob: () => state.job,
    },
    cache: cacheOn
      ? ({
          lookUp: async () => state.found,
          remember: async (_key: string, _tenant: string, { answer }: KeptAnswer) =>
            void remembered.push(answer),
        } as never)
      : null,
    keys: { keyFor: async () => state.key } as never,
    hits: {
      answer: async (
        _cached: CachedAnswer,
        accepted: Accepted,
        _planned: unknown,
        claim: unknown,
        source: string,
      ) => {
        await state.record();
        given.push({ source, claim, id: accepted.requestId });
        return { ...judged, requestId: accepted.requestId, jobId: null };
      },
    } as never,
    runs: {
      claim: async ({ requestId }) => {
        if (state.free) claims.push(`+${requestId}`);
        return state.free;
      },
      releaseClaim: async (requestId) => void claims.push(`-${requestId}`),
    },
    sla,
  });
  return { cached, running, given, remembered, claims, state };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const accepted = (requestId: string) => acceptedOf({ requestId, receivedAt: Date.now() });
const claimOf = (requestId: string): Claim => claimFor('route', 'key', requestOf(), requestId);
const planned = plannedWith();

/** A leader under way and a follower that waits for it. */
async function inFlight(w = world(), claim: Claim | null = null) {
  const leader = w.cached.run(accepted('leader'), planned, null);
  await settled();
  const follower = w.cached.run(accepted('follower'), planned, claim);
  await settled();
  expect(w.running).toHaveLength(1);
  return { ...w, leader, follower };
}

describe('A request', () => {
  it('is not looked for where the cache is off, nor when it has no name', async () => {
    const off = world({ cacheOn: false });
    const nameless = world();
    nameless.state.key = null;
    nameless.state.found = { kind: 'hit', answer: kept };
    for (const w of [off, nameless]) {
      const calls = [1, 2].map((n) => w.cached.run(accepted(`r${n}`), planned, null));
      await settled();
      for (const { end } of w.running) end({});
      expect((await Promise.all(calls)).map((answer) => answer?.cache)).toEqual(['BYPASS', 'BYPASS']);
      expect(w.running[0]!.accepted.cacheKey).toBeUndefined();
      expect([w.remembered, w.given]).toEqual([[], []]);
    }
  });

  it('that was judged before is answered from the cache, with its claim', async () => {
    const { cached, running, given, state } = world();
    state.found = { kind: 'hit', answer: kept };
    const claim = claimOf('r');
    expect((await cached.run(accepted('r'), planned, claim))?.cache).toBe('HIT');
    expect([given, running]).toEqual([[{ source: 'cache', claim, id: 'r' }], []]);
  });

  it.each(['miss', 'unavailable'] as const)('that is not there (%s) runs, and is kept', async (kind) => {
    const { cached, running, remembered, state } = world();
    state.found = { kind };
    const answer = cached.run(accepted('r'), planned, null);
    await settled();
    expect(running[0]!.accepted.cacheKey).toBe('name');
    running[0]!.end({});
    expect((await answer)?.cache).toBe(kind === 'miss' ? 'MISS' : 'BYPASS');
    expect(remembered).toEqual([kept]);
  });

  it.each<[string, ReturnType<typeof planWith>, boolean]>([
    ['may not become a job', planWith({ allow_async_conversion: false }), false],
    ['is a job', planWith(), true],
  ])('that %s runs by itself, and is kept', async (_which, itsPlan, job) => {
    const { cached, running, remembered, state } = world();
    state.job = job;
    const calls = [1, 2].map((n) => cached.run(accepted(`r${n}`), plannedWith({ plan: itsPlan }), null));
    await settled();
    expect(running).toHaveLength(2);
    for (const { end } of running) end({});
    await Promise.all(calls);
    expect(remembered).toHaveLength(2);
  });
});

describe('A follower', () => {
  it('takes over what may be given to others, with a claim of its own', async () => {
    const { leader, follower, running, given, claims } = await inFlight(world(), claimOf('follower'));
    running[0]!.end({});
    expect([(await leader)?.cache, (await follower)?.cache]).toEqual(['MISS', 'HIT']);
    expect(given).toEqual([{ source: 'flight', claim: 'held', id: 'follower' }]);
    expect(claims).toEqual(['+follower']);
    expect(running).toHaveLength(1);
  });

  it('gives way to who holds its key', async () => {
    const w = world();
    const leader = w.cached.run(accepted('leader'), planned, null);
    await settled();
    w.state.free = false;
    expect(await w.cached.run(accepted('follower'), planned, claimOf('follower'))).toBeNull();
    w.running[0]!.end({});
    await leader;
  });

  it.each<[string, (leader: Running) => void]>([
    ['covers too little', ({ end }) => end(answerWith(206))],
    ['is an error', ({ end }) => end(answerWith(502))],
    ['fails', ({ fail }) => fail(new Error('no engine'))],
    ['does not start', ({ end }) => end(null)],
  ])('runs by itself when the leader %s', async (_how, finish) => {
    const { leader, follower, running, claims, given } = await inFlight(world(), claimOf('follower'));
    finish(running[0]!);
    await leader.catch(() => undefined);
    await settled();
    expect(running[1]!.accepted.requestId).toBe('follower');
    expect(claims).toEqual(['+follower', '-follower']);
    running[1]!.end({});
    expect([(await follower)?.cache, given]).toEqual(['MISS', []]);
  });

  it('leads the others when the leader has become a job', async () => {
    const { cached, leader, follower, running } = await inFlight();
    const third = cached.run(accepted('third'), planned, null);
    await settled();
    running[0]!.end(answerWith(202));
    expect((await leader)?.status).toBe(202);
    await settled();
    expect(running.map(({ accepted: who }) => who.requestId)).toEqual(['leader', 'follower']);
    running[1]!.end({});
    expect([(await follower)?.cache, (await third)?.cache]).toEqual(['MISS', 'HIT']);
  });

  it('runs by itself shortly before its own time comes', async () => {
    const w = world();
    const leader = w.cached.run(accepted('leader'), planned, null);
    await settled();
    const follower = w.cached.run(
      acceptedOf({ requestId: 'late', receivedAt: Date.now() - 1450 }),
      planned,
      claimOf('late'),
    );
    while (w.running.length < 2) await settled();
    expect(w.claims).toEqual(['+late', '-late']);
    w.running[1]!.end({});
    expect((await follower)?.cache).toBe('MISS');
    w.running[0]!.end({});
    expect((await leader)?.cache).toBe('MISS');
  });

  it('that cannot be recorded fails, and frees its key', async () => {
    const { follower, running, claims, state } = await inFlight(world(), claimOf('follower'));
    state.record = () => Promise.reject(new Error('no store'));
    running[0]!.end({});
    await expect(follower).rejects.toThrow('no store');
    expect(claims).toEqual(['+follower', '-follower']);
  });
});
