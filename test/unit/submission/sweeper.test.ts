import {
  type CompiledQuery,
  type DatabaseConnection,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely';
import type { DetectorResult } from '../../../src/contract/detector-result';
import type { Checkpoints } from '../../../src/store/checkpoints';
import { RunKeyDestroyedError } from '../../../src/store/key-ring';
import type { Orchestrations } from '../../../src/store/orchestrations';
import type { Outcome, Outcomes } from '../../../src/store/outcomes';
import type { Runs } from '../../../src/store/runs';
import type { Database } from '../../../src/store/schema';
import { type RunGateway, StartUncertainError } from '../../../src/submission/run-gateway';
import { Sweeper } from '../../../src/submission/sweeper';
import { failure, success } from '../domain/support';
import { answerWith, bodyOf, inputOf, memberOf, otherId, receivedAt, requestId, World } from './support';

/** A database that only knows the sweeper's lock and the open jobs of a run. */
class FewAnswers extends DummyDriver {
  locked = true;
  openJobs: object[] = [];
  readonly asked: CompiledQuery[] = [];

  override acquireConnection(): Promise<DatabaseConnection> {
    const executeQuery = async <R>(query: CompiledQuery): Promise<QueryResult<R>> => {
      this.asked.push(query);
      const rows = query.sql.includes('"orchestration"') ? this.openJobs : [{ locked: this.locked }];
      return { rows: rows as R[] };
    };
    return Promise.resolve({ executeQuery, streamQuery: () => undefined as never });
  }

  unlocks(): number {
    return this.asked.filter(({ sql }) => sql.includes('pg_advisory_unlock')).length;
  }
}

let world: World;
let driver: FewAnswers;
let tended: number;
let sweeper: Sweeper;
let open: { runId: string; tenantId: string; recovery: number }[];
let checkpoints: { requestId: string; result: DetectorResult }[];
let published: { runId: string; outcomes: readonly Outcome[] }[];
let warnings: { fields: object; message: string }[];
let housekeeping: string[];

beforeEach(() => {
  world = new World();
  driver = new FewAnswers();
  [open, checkpoints, published, warnings, housekeeping] = [[], [], [], [], []];
  const runs = {
    ...world.runs,
    openLongerThan: async function* () {
      yield* open;
    },
    destroyKeys: async () => housekeeping.push('destroy keys'),
    removeExpired: async () => void housekeeping.push('remove expired'),
  } satisfies Partial<Runs>;
  const outcomes = {
    publish: async (runId: string, given: readonly Outcome[]) => {
      published.push({ runId, outcomes: given });
      return [];
    },
  } satisfies Partial<Outcomes>;
  tended = 0;
  sweeper = new Sweeper({
    db: new Kysely<Database>({
      dialect: {
        createAdapter: () => new PostgresAdapter(),
        createDriver: () => driver,
        createIntrospector: (db) => new PostgresIntrospector(db),
        createQueryCompiler: () => new PostgresQueryCompiler(),
      },
    }),
    runs: runs as unknown as Runs,
    outcomes: outcomes as unknown as Outcomes,
    orchestrations: world.orchestrations as unknown as Orchestrations,
    checkpoints: { load: async () => checkpoints } as unknown as Checkpoints,
    gateway: world.gateway as unknown as RunGateway,
    log: { warn: (fields, message) => void warnings.push({ fields, message }) },
    bulk: { tend: async () => void (tended += 1) },
    removeExpired: async () => undefined,
  });
});
afterEach(() => {
  jest.useRealTimers();
});

/** A run that is over, or was never there, and has published nothing. */
function lost(recovery = 0, runId = 'run'): void {
  open.push({ runId, tenantId: 'acme', recovery });
  world.states.set(runId, 'broken');
  world.inputs.set(
    runId,
    inputOf({ run_id: runId, members: [memberOf(), memberOf({ request_id: otherId })] }),
  );
}

const idsOf = (outcomes: readonly Outcome[]) => outcomes.map(({ requestId: id }) => id);

describe('a run that ended without publishing', () => {
  it('has its members repeated, each alone', async () => {
    lost();
    await sweeper.sweep();
    expect(world.events).toEqual(
      [requestId, otherId].flatMap((id) => [
        `open repeat-${id} 1`,
        `move ${id} repeat-${id}`,
        `start repeat-${id}`,
      ]),
    );
    expect(world.started.map(({ input }) => input)).toEqual(
      [requestId, otherId].map((id) =>
        expect.objectContaining({
          run_id: `repeat-${id}`,
          facade_id: null,
          recovery: 1,
          members: [expect.objectContaining({ request_id: id })],
        }),
      ),
    );
    expect(published).toEqual([{ runId: 'run', outcomes: [] }]);
  });

  it('buys nothing twice: successes that were kept go along', async () => {
    lost();
    checkpoints.push(
      { requestId, result: success('a', 'toxic') },
      { requestId, result: failure('b', 'attempt_timeout') },
      { requestId: otherId, result: success('b', 'clean') },
    );
    await sweeper.sweep();
    expect(world.started.map(({ input }) => input.members[0]!.prior_results)).toEqual([
      [success('a', 'toxic')],
      [success('b', 'clean')],
    ]);
  });

  it('leaves alone who is answered already', async () => {
    lost();
    world.answers.set(requestId, answerWith(200));
    await sweeper.sweep();
    expect(world.started.map(({ input }) => input.run_id)).toEqual([`repeat-${otherId}`]);
  });

  it('is only closed when all are answered', async () => {
    lost();
    for (const id of [requestId, otherId]) world.answers.set(id, answerWith(200));
    await sweeper.sweep();
    expect(world.started).toEqual([]);
    expect(published).toEqual([{ runId: 'run', outcomes: [] }]);
  });

  it('fails with INTERNAL_ERROR the second time', async () => {
    lost(1);
    await sweeper.sweep();
    expect(world.started).toEqual([]);
    expect(published).toHaveLength(1);
    const { runId, outcomes } = published[0]!;
    expect(runId).toBe('run');
    expect(outcomes).toMatchObject([
      {
        requestId,
        tenantId: 'acme',
        status: 'failed',
        errorCode: 'INTERNAL_ERROR',
        receivedAt: new Date(receivedAt),
        audit: { error_code: 'INTERNAL_ERROR', http_status: 500 },
      },
      { requestId: otherId, status: 'failed' },
    ]);
    const answer = outcomes[0]!.answer(null);
    expect(answer.status).toBe(500);
    expect(bodyOf(answer)).toMatchObject({
      error_code: 'INTERNAL_ERROR',
      request_id: requestId,
      correlation_id: 'corr',
    });
  });

  it('fails at once those that cannot be started again', async () => {
    lost();
    world.startError = new Error('refused');
    await sweeper.sweep();
    expect(published.map(({ outcomes }) => idsOf(outcomes))).toEqual([[requestId, otherId]]);
  });
});

describe('while the engine does not answer', () => {
  it('leaves the run to the next sweep, which may start the repeat again under its id', async () => {
    lost();
    world.startError = new StartUncertainError('no answer');
    await sweeper.sweep();
    expect(published).toEqual([]);
    expect(warnings.at(-1)?.message).toBe('a run could not be recovered yet');
    world.startError = null;
    await sweeper.sweep();
    expect(world.started.map(({ input }) => input.run_id)).toEqual([
      `repeat-${requestId}`,
      `repeat-${otherId}`,
    ]);
    expect(published).toEqual([{ runId: 'run', outcomes: [] }]);
  });
});

describe('a run whose input nobody can read', () => {
  it.each([
    ['its key is destroyed', () => world.inputs.set('run', new RunKeyDestroyedError('run'))],
    ['it never started', () => world.inputs.delete('run')],
  ])('has its open jobs failed and is abandoned: %s', async (_why, happens) => {
    lost();
    happens();
    driver.openJobs = [{ request_id: requestId, tenant_id: 'acme', created_at: new Date(receivedAt) }];
    await sweeper.sweep();
    expect(published).toHaveLength(1);
    expect(published[0]!.outcomes).toMatchObject([
      { requestId, tenantId: 'acme', status: 'failed', receivedAt: new Date(receivedAt) },
    ]);
    expect(world.events).toEqual(['abandon run']);
    const query = driver.asked.find(({ sql }) => sql.includes('"orchestration"'));
    expect(query?.parameters).toEqual(['run', 'pending', 'running']);
  });
});

describe('the sweeper', () => {
  it('leaves a run alone that is still running', async () => {
    lost();
    world.states.set('run', 'running');
    await sweeper.sweep();
    expect(published).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it('goes on with the others when one cannot be recovered', async () => {
    lost(1, 'bad');
    lost(1, 'good');
    world.inputs.set('bad', new Error('no engine'));
    await sweeper.sweep();
    expect(published.map(({ runId }) => runId)).toEqual(['good']);
    expect(warnings).toContainEqual({
      fields: expect.objectContaining({ run_id: 'bad' }) as object,
      message: 'a run could not be recovered yet',
    });
    expect(driver.unlocks()).toBe(1);
  });

  it('does nothing while another one sweeps', async () => {
    lost();
    driver.locked = false;
    await sweeper.sweep();
    expect(published).toEqual([]);
    expect(housekeeping).toEqual([]);
    expect(driver.unlocks()).toBe(0);
  });

  it('destroys keys at every sweep, and removes what has expired once a minute', async () => {
    await sweeper.sweep();
    await sweeper.sweep();
    expect(housekeeping).toEqual(['destroy keys', 'remove expired', 'destroy keys']);
    const now = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(now + 60_001);
    await sweeper.sweep();
    jest.restoreAllMocks();
    expect(housekeeping.slice(3)).toEqual(['destroy keys', 'remove expired']);
  });

  it('gives its lock back when a sweep fails', async () => {
    jest.spyOn(housekeeping, 'push').mockImplementation(() => {
      throw new Error('no store');
    });
    await expect(sweeper.sweep()).rejects.toThrow('no store');
    expect(driver.unlocks()).toBe(1);
  });

  it('sweeps every five seconds, whatever became of the sweep before, until it is stopped', async () => {
    jest.useFakeTimers();
    const sweep = jest.spyOn(sweeper, 'sweep').mockRejectedValueOnce(new Error('no store'));
    sweeper.start();
    await jest.advanceTimersByTimeAsync(4999);
    expect(sweep).toHaveBeenCalledTimes(0);
    await jest.advanceTimersByTimeAsync(5001);
    expect(sweep).toHaveBeenCalledTimes(2);
    expect(warnings.map(({ message }) => message)).toEqual(['sweep failed; the next comes in a moment']);
    await sweeper.stop();
    await jest.advanceTimersByTimeAsync(20_000);
    expect(sweep).toHaveBeenCalledTimes(2);
  });

  it('may be stopped before it was started', async () => {
    await expect(sweeper.stop()).resolves.toBeUndefined();
  });
});
