import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { DetectCall, MapCall, PublishCall, PublishOutput } from '../../../src/activities/types';
import type { Member, Plan } from '../../../src/contract/plan';
import { failedJob, orchestrationRun } from '../../../src/workflows';
import { failure, planned, planOf, success } from '../domain/support';
import { temporal } from './fake-temporal';
import { memberOf, startOfRun } from './samples';

jest.mock(
  '@temporalio/workflow',
  () => jest.requireActual<{ workflowModule: object }>('./fake-temporal').workflowModule,
);

let now = startOfRun;
beforeEach(() => {
  temporal.reset();
  now = startOfRun;
  jest.spyOn(Date, 'now').mockImplementation(() => now);
});
afterEach(() => jest.restoreAllMocks());

const start = (plan: Plan, members: readonly Member[] = [memberOf('r')]) =>
  orchestrationRun({ run_id: 'run', facade_id: 'facade', recovery: 0, plan, members });

/** Runs to the end and shows how the members were published. */
async function endingsOf(plan: Plan, members?: readonly Member[]) {
  await start(plan, members);
  const published = temporal.inputsOf<PublishCall>('publish');
  expect(published).toHaveLength(1);
  return published[0]!.endings;
}

async function endingOf(plan: Plan, member = memberOf('r')) {
  return (await endingsOf(plan, [member]))[0]!;
}

type Ending = Awaited<ReturnType<typeof endingOf>>;
const tokensOf = ({ results }: Ending) =>
  Object.fromEntries(results.map(({ detector, error }) => [detector, error]));

function detects(name: string, output: string): void {
  temporal.scripts[`detect.${name}`] = ({ request_ids }: DetectCall) =>
    Promise.resolve({
      results: Object.fromEntries(request_ids.map((id) => [id, success(name, output)])),
      cancelled: [],
    });
}

function fails(name: string): void {
  temporal.scripts[`detect.${name}`] = () => Promise.reject(ApplicationFailure.nonRetryable('x', 'http_5xx'));
}

describe('A run', () => {
  it('records what its detectors say, maps it and publishes it', async () => {
    temporal.scripts['map'] = () => Promise.resolve({ r: { kind: 'mapped', response: { notes: 'n' } } });
    const plan = planOf([planned('a'), planned('b')]);
    const summary = await start(plan);
    expect(summary).toEqual({ members: 1, statuses: { 200: 1 }, policy_digest: plan.policy_digest });
    const [published] = temporal.inputsOf<PublishCall>('publish');
    expect(published?.run).toEqual({ run_id: 'run', facade_id: 'facade' });
    expect(published?.endings).toMatchObject([
      {
        results: [success('a', 'toxic'), success('b', 'toxic')],
        coverage: 1,
        decisions: { coverage: null, conflict: null, failed: false },
        conflict: null,
        payload: { output: 'toxic' },
        mapping: { kind: 'mapped', response: { notes: 'n' } },
        aggregation_failed: false,
        cancelled: false,
      },
    ]);
    expect(temporal.attributes).toEqual([]);
  });

  it('lets no content past its detectors', async () => {
    await start(planOf([planned('a')]), [memberOf('r', { content: 'a secret' })]);
    const after = temporal.calls.filter(({ activity }) => !activity.startsWith('detect.'));
    expect(after.map(({ activity }) => activity)).toEqual(['map', 'publish']);
    expect(JSON.stringify(after)).not.toContain('a secret');
  });

  it('asks stage after stage', async () => {
    const plan = planOf([planned('b', { depends_on: ['a'] }), planned('a')], {
      primary_stages: [['a'], ['b']],
    });
    await start(plan);
    expect(temporal.asked).toEqual(['a', 'b']);
  });

  it.each([1, 2])('asks at most %i detectors of a stage at a time', async (most) => {
    let running = 0;
    let peak = 0;
    for (const name of ['a', 'b', 'c', 'd'])
      temporal.scripts[`detect.${name}`] = async () => {
        peak = Math.max(peak, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return { results: { r: success(name, 'clean') }, cancelled: [] };
      };
    const detectors = ['a', 'b', 'c', 'd'].map((name) => planned(name));
    const { results } = await endingOf(planOf(detectors, { max_concurrent_detectors: most }));
    expect(peak).toBe(most);
    expect(results).toHaveLength(4);
  });

  it('skips those that depend on a detector that failed, and counts them against coverage', async () => {
    fails('a');
    const plan = planOf([planned('a'), planned('b', { depends_on: ['a'] }), planned('c')], {
      primary_stages: [['a', 'c'], ['b']],
    });
    const ending = await endingOf(plan);
    expect(temporal.asked).toEqual(['a', 'c']);
    expect(tokensOf(ending)).toEqual({ a: 'http_5xx', b: 'dependency_failed', c: null });
    expect(ending.coverage).toBeCloseTo(1 / 3);
  });

  it('does not ask a detector for content that is too long for it', async () => {
    const ending = await endingOf(planOf([planned('a', { max_content_length: 5 }), planned('b')]));
    expect(temporal.asked).toEqual(['b']);
    expect(tokensOf(ending)).toEqual({ a: 'content_too_long', b: null });
  });

  it('leaves unasked what could add no coverage, and still publishes', async () => {
    // The activity itself says so of a detector that is not available, without calling it.
    temporal.scripts['detect.a'] = () =>
      Promise.resolve({ results: { r: failure('a', 'unhealthy') }, cancelled: [] });
    const plan = planOf([planned('a'), planned('spare', { role: 'secondary' })], {
      rego: { coverage: true, conflict: true },
    });
    const ending = await endingOf(plan, memberOf('r', { health_status: { a: false } }));
    expect(tokensOf(ending)).toEqual({ a: 'unhealthy', spare: 'dependency_failed' });
    expect(ending).toMatchObject({ coverage: 0, payload: null, mapping: { kind: 'skipped' } });
    expect(temporal.inputsOf('decide')).toEqual([]);
    expect(temporal.inputsOf('map')).toEqual([]);
    expect(temporal.asked).toEqual(['a']);
  });

  describe('with an alternate', () => {
    const fallback = (detector: string) => ({ fallback: { strategy: 'alternate' as const, detector } });
    const withAlternate = planOf([
      planned('a', fallback('b')),
      planned('c', fallback('b')),
      planned('b', { role: 'alternate' }),
    ]);

    it('asks it only where a detector has failed, once, and says in whose place', async () => {
      expect(tokensOf(await endingOf(withAlternate))).toEqual({ a: null, c: null });
      temporal.reset();
      fails('a');
      fails('c');
      const { results, coverage } = await endingOf(withAlternate);
      expect(temporal.asked).toEqual(['a', 'c', 'b']);
      expect(coverage).toBe(0);
      expect(results[2]).toMatchObject({
        detector: 'b',
        status: 'success',
        stand_in: { strategy: 'alternate', for: ['a', 'c'], cause: 'outage', error: 'http_5xx' },
      });
    });

    it('asks it for those members whose detector failed', async () => {
      temporal.scripts['detect.a'] = () =>
        Promise.resolve({
          results: { r: success('a', 'clean'), s: failure('a', 'overloaded') },
          cancelled: [],
        });
      const [r, s] = await endingsOf(withAlternate, [memberOf('r'), memberOf('s')]);
      expect(temporal.inputsOf<DetectCall>('detect.b').map(({ request_ids }) => request_ids)).toEqual([
        ['s'],
      ]);
      expect([r!.results.length, s!.results.length]).toEqual([2, 3]);
    });

    it.each([
      ['credentials', failure('a', 'http_4xx', 1, 'credentials')],
      ['bad_request', failure('a', 'http_4xx')],
      ['unparsable', failure('a', 'invalid_response')],
    ] as const)('does not ask it after %s', async (_cause, result) => {
      temporal.scripts['detect.a'] = () => Promise.resolve({ results: { r: result }, cancelled: [] });
      await endingOf(withAlternate);
      expect(temporal.asked).toEqual(['a', 'c']);
    });

    it('does not ask it for content that is too long for it, and says so only where it was wanted', async () => {
      const short = planOf([
        planned('a', fallback('b')),
        planned('b', { role: 'alternate', max_content_length: 5 }),
      ]);
      expect(tokensOf(await endingOf(short))).toEqual({ a: null });
      temporal.reset();
      fails('a');
      expect(tokensOf(await endingOf(short))).toEqual({ a: 'http_5xx', b: 'content_too_long' });
      expect(temporal.asked).toEqual(['a']);
    });

    it('does not ask it when the time is up', async () => {
      temporal.scripts['detect.a'] = () => {
        now = 1_000_000;
        return Promise.resolve({ results: { r: failure('a', 'attempt_timeout') }, cancelled: [] });
      };
      await endingOf(withAlternate);
      expect(temporal.asked).not.toContain('b');
    });

    it('goes on to the alternate’s own, and never in a circle', async () => {
      const round = planOf([
        planned('a', fallback('b')),
        planned('b', { role: 'alternate', ...fallback('c') }),
        planned('c', { role: 'alternate', ...fallback('b') }),
      ]);
      for (const name of ['a', 'b', 'c']) fails(name);
      await endingOf(round);
      expect(temporal.asked).toEqual(['a', 'b', 'c']);
    });

    it('asks it before the secondaries, which are not needed any more when it covers', async () => {
      fails('a');
      const covered = planOf(
        [
          planned('a', { ...fallback('b'), taxonomy_categories: ['PII'] }),
          planned('spare', { role: 'secondary', taxonomy_categories: ['PII'] }),
          planned('b', { role: 'alternate', taxonomy_categories: ['PII'] }),
        ],
        {
          coverage: {
            method: 'taxonomy_coverage',
            required_detectors: ['a'],
            weights: {},
            required_categories: ['PII'],
            threshold: 0.8,
          },
        },
      );
      expect((await endingOf(covered)).coverage).toBe(1);
      expect(temporal.asked).toEqual(['a', 'b']);
    });
  });

  it('asks for the members of a shared run together, and for none that has its answer already', async () => {
    const members = [
      memberOf('r1'),
      memberOf('r2', { prior_results: [success('a', 'clean')] }),
      memberOf('r3'),
    ];
    const endings = await endingsOf(planOf([planned('a')]), members);
    const [input] = temporal.inputsOf<DetectCall>('detect.a');
    expect(input?.request_ids).toEqual(['r1', 'r3']);
    expect(endings.map(({ payload }) => payload?.output)).toEqual(['toxic', 'clean', 'toxic']);
  });

  it('fails, publishing nothing, on an error of its own', async () => {
    temporal.scripts['detect.a'] = () => Promise.resolve(undefined);
    await expect(start(planOf([planned('a')]))).rejects.toThrow(TypeError);
    expect(temporal.inputsOf('publish')).toEqual([]);
  });

  it('fails when any error escapes it, rather than hang', () => {
    expect(temporal.workflowOptions).toEqual({ failureExceptionTypes: [Error] });
  });
});

describe('Secondaries', () => {
  const plan = planOf([planned('a'), planned('spare', { role: 'secondary' })]);

  it('stand in where primaries fell short', async () => {
    fails('a');
    expect(tokensOf(await endingOf(plan))).toEqual({ a: 'http_5xx', spare: null });
    expect(temporal.asked).toEqual(['a', 'spare']);
  });

  it('are left alone where primaries covered everything', async () => {
    expect(tokensOf(await endingOf(plan))).toEqual({ a: null });
    expect(temporal.asked).toEqual(['a']);
  });

  it('are asked only for the members that fell short', async () => {
    temporal.scripts['detect.a'] = () =>
      Promise.resolve({
        results: { r1: success('a', 'toxic'), r2: failure('a', 'http_5xx') },
        cancelled: [],
      });
    await start(plan, [memberOf('r1'), memberOf('r2')]);
    const [input] = temporal.inputsOf<DetectCall>('detect.spare');
    expect(input?.request_ids).toEqual(['r2']);
  });

  it('are not begun once the member is cut', async () => {
    temporal.scripts['detect.a'] = () => {
      now = 30_500;
      return Promise.reject(ApplicationFailure.nonRetryable('x', 'http_5xx'));
    };
    expect(tokensOf(await endingOf(plan))).toEqual({ a: 'http_5xx' });
    expect(temporal.asked).toEqual(['a']);
  });
});

describe('Late members', () => {
  const lateness = { attempts: 1, wait_ms: 100, since: startOfRun };
  const three = [memberOf('r1'), memberOf('r2'), memberOf('r3')];
  /** By publication: whom it was about, and whether the run stays open. */
  const publications = () =>
    temporal.inputsOf<PublishCall>('publish').map(({ endings, partial }) => ({
      of: endings.map(({ request_id }) => request_id),
      partial: partial ?? false,
    }));
  /** Answers for all but those that are late until they are asked for again. */
  function lateFor(detector: string, ...late: string[]): void {
    temporal.scripts[`detect.${detector}`] = ({ request_ids, resumed }: DetectCall) =>
      Promise.resolve({
        results: Object.fromEntries(
          request_ids
            .filter((id) => resumed || !late.includes(id))
            .map((id) => [id, success(detector, 'toxic')]),
        ),
        cancelled: [],
        ...(!resumed && { late: Object.fromEntries(late.map((id) => [id, lateness])) }),
      });
  }

  it('go on apart: the others are published without waiting, and the run is closed after all', async () => {
    lateFor('a', 'r2');
    let answer: () => void = () => undefined;
    const asked = temporal.scripts['detect.a']!;
    temporal.scripts['detect.a'] = async (input: never) => {
      if ((input as DetectCall).resumed) await new Promise<void>((resolve) => (answer = resolve));
      return asked(input);
    };
    temporal.scripts['publish'] = ({ endings }: PublishCall) => {
      if (endings.length === 2) answer();
      const unfinished = endings.length === 1 ? [{ job_id: 'j', status: 'failed', error_code: 'X' }] : [];
      return Promise.resolve({ unfinished_jobs: unfinished, statuses: { 200: endings.length } });
    };
    const summary = await start(planOf([planned('a'), planned('b')]), three);
    expect(publications()).toEqual([
      { of: ['r1', 'r3'], partial: true },
      { of: ['r2'], partial: true },
      { of: [], partial: false },
    ]);
    expect(summary).toMatchObject({ members: 3, statuses: { 200: 3 } });
    expect(temporal.children.map(({ options }) => options['workflowId'])).toEqual(['j']);
    expect(
      temporal.inputsOf<DetectCall>('detect.a').map(({ request_ids, resumed }) => [request_ids, resumed]),
    ).toEqual([
      [['r1', 'r2', 'r3'], undefined],
      [['r2'], lateness],
    ]);
    // Nobody asks anew what was answered.
    expect(temporal.inputsOf('detect.b')).toHaveLength(1);
  });

  it('of several detectors go on as one', async () => {
    lateFor('a', 'r1');
    lateFor('b', 'r3');
    await start(planOf([planned('a'), planned('b')]), three);
    expect(publications().map(({ of }) => of)).toEqual([['r2'], ['r1', 'r3'], []]);
  });

  it('stay together when all are late, and the run needs no second publication', async () => {
    lateFor('a', 'r1', 'r2');
    lateFor('b', 'r3');
    await start(planOf([planned('a'), planned('b')]), three);
    expect(publications()).toEqual([{ of: ['r1', 'r2', 'r3'], partial: false }]);
    expect(temporal.inputsOf<DetectCall>('detect.a')[1]!.request_ids).toEqual(['r1', 'r2']);
    expect(temporal.inputsOf<DetectCall>('detect.b')[1]!.request_ids).toEqual(['r3']);
  });

  it('may be late again, with a later detector', async () => {
    lateFor('a', 'r2', 'r3');
    lateFor('b', 'r3');
    const plan = planOf([planned('a'), planned('b', { depends_on: ['a'] })], {
      primary_stages: [['a'], ['b']],
    });
    await start(plan, three);
    expect(
      publications()
        .map(({ of }) => of)
        .toSorted(),
    ).toEqual([[], ['r1'], ['r2'], ['r3']]);
  });

  it('that fail for good fail alone', async () => {
    temporal.scripts['detect.a'] = ({ request_ids, resumed }: DetectCall) =>
      resumed
        ? Promise.reject(ApplicationFailure.nonRetryable('x', 'http_5xx'))
        : Promise.resolve({
            results: Object.fromEntries(request_ids.slice(1).map((id) => [id, success('a', 'toxic')])),
            cancelled: [],
            late: { r1: lateness },
          });
    await start(planOf([planned('a')]), three);
    const endings = temporal.inputsOf<PublishCall>('publish').flatMap((input) => input.endings);
    expect(Object.fromEntries(endings.map((ending) => [ending.request_id, tokensOf(ending).a]))).toEqual({
      r1: 'http_5xx',
      r2: null,
      r3: null,
    });
  });

  it('that are cancelled are not waited for', async () => {
    temporal.scripts['detect.a'] = () =>
      Promise.resolve({ results: { r2: success('a', 'x'), r3: success('a', 'x') }, cancelled: ['r1'] });
    await start(planOf([planned('a')]), three);
    expect(publications()).toEqual([{ of: ['r1', 'r2', 'r3'], partial: false }]);
  });

  it('leave the run to the sweeper when their publication fails', async () => {
    lateFor('a', 'r2');
    temporal.scripts['publish'] = ({ endings }: PublishCall) =>
      endings.length === 1
        ? Promise.reject(new Error('no store'))
        : Promise.resolve({ unfinished_jobs: [], statuses: {} });
    await expect(start(planOf([planned('a')]), three)).rejects.toThrow('no store');
    expect(publications().map(({ of }) => of)).not.toContainEqual([]);
  });

  it('are those, too, who need secondaries', async () => {
    temporal.scripts['detect.a'] = () =>
      Promise.resolve({
        results: { r1: success('a', 'toxic'), r2: failure('a', 'http_5xx') },
        cancelled: [],
      });
    const plan = planOf([planned('a'), planned('spare', { role: 'secondary' })]);
    await start(plan, three.slice(0, 2));
    expect(publications().map(({ of }) => of)).toEqual([['r1'], ['r2'], []]);
    expect(temporal.inputsOf('detect.a')).toHaveLength(1);
  });
});

describe('Decisions', () => {
  const detectors = [planned('a'), planned('b')];
  const ruled = planOf(detectors, { rego: { coverage: true, conflict: false } });

  it('are not asked for where the bundle has no rule', async () => {
    await start(planOf(detectors));
    expect(temporal.inputsOf('decide')).toEqual([]);
  });

  it('go before the static rules', async () => {
    detects('a', 'toxic');
    detects('b', 'clean');
    const conflict = { resolution_strategy: 'most_restrictive' };
    const decided = { coverage: { coverage_met: true }, conflict, failed: false };
    temporal.scripts['decide'] = () => Promise.resolve({ r: decided });
    const ending = await endingOf(ruled);
    expect(temporal.inputsOf('decide')).toMatchObject([
      { members: [{ request_id: 'r', coverage: 1, results: [{ output: 'toxic' }, { output: 'clean' }] }] },
    ]);
    expect(ending.decisions).toEqual(decided);
    expect(ending.conflict).toMatchObject({ strategy_used: 'most_restrictive', winning_detector: 'a' });
    const [mapped] = temporal.inputsOf<MapCall>('map');
    expect(mapped?.members[0]?.resolution_notes).toBe(ending.conflict?.resolution_notes);
  });

  it('that fail are marked, and the member is settled all the same', async () => {
    temporal.scripts['decide'] = () => Promise.reject(new Error('no evaluator'));
    const ending = await endingOf(ruled);
    expect(ending.decisions).toEqual({ coverage: null, conflict: null, failed: true });
    expect(ending.payload?.output).toBe('toxic');
    expect(temporal.inputsOf('map')).toHaveLength(1);
  });

  it('concern only members that have a success', async () => {
    temporal.scripts['detect.a'] = () =>
      Promise.resolve({
        results: { r1: success('a', 'toxic'), r2: failure('a', 'http_5xx') },
        cancelled: [],
      });
    temporal.scripts['decide'] = () => Promise.reject(new Error('no evaluator'));
    const plan = planOf([planned('a')], { rego: { coverage: false, conflict: true } });
    const endings = await endingsOf(plan, [memberOf('r1'), memberOf('r2')]);
    expect(endings.map(({ decisions }) => decisions.failed)).toEqual([true, false]);
    expect(endings.map(({ payload }) => payload === null)).toEqual([false, true]);
  });
});

describe('Mapping', () => {
  it('that fails is a result of each member', async () => {
    temporal.scripts['map'] = () => Promise.reject(new Error('gone'));
    const { mapping, payload } = await endingOf(planOf([planned('a')]));
    expect(mapping).toEqual({ kind: 'failed', code: 'DETECTOR_COMMUNICATION_FAILED' });
    expect(payload).not.toBeNull();
  });

  it('is not asked where it is off', async () => {
    const plan = planOf([planned('a')], { mapping: { enabled: false, budget_ms: 500 } });
    expect((await endingOf(plan)).mapping).toEqual({ kind: 'off' });
    expect(temporal.inputsOf('map')).toEqual([]);
  });

  it('is skipped for a member whose results cannot be aggregated, alone', async () => {
    temporal.scripts['detect.a'] = () =>
      Promise.resolve({
        results: { r1: success('a', '一'.repeat(22_000)), r2: success('a', 'toxic') },
        cancelled: [],
      });
    const endings = await endingsOf(planOf([planned('a')]), [memberOf('r1'), memberOf('r2')]);
    expect(endings[0]).toMatchObject({
      aggregation_failed: true,
      payload: null,
      mapping: { kind: 'skipped' },
    });
    expect(endings[1]).toMatchObject({ aggregation_failed: false, payload: { output: 'toxic' } });
    const [input] = temporal.inputsOf<MapCall>('map');
    expect(input?.members.map(({ request_id }) => request_id)).toEqual(['r2']);
  });
});

describe('Cancellation', () => {
  it('of one member leaves the others: it is asked for no more, nor mapped', async () => {
    temporal.scripts['detect.a'] = () =>
      Promise.resolve({ results: { r2: success('a', 'toxic') }, cancelled: ['r1'] });
    const plan = planOf([planned('a'), planned('b')], { primary_stages: [['a'], ['b']] });
    const endings = await endingsOf(plan, [memberOf('r1'), memberOf('r2')]);
    expect(endings.map(({ cancelled }) => cancelled)).toEqual([true, false]);
    const [second] = temporal.inputsOf<DetectCall>('detect.b');
    expect(second?.request_ids).toEqual(['r2']);
    const [mapped] = temporal.inputsOf<MapCall>('map');
    expect(mapped?.members.map(({ request_id }) => request_id)).toEqual(['r2']);
  });

  it('of the run cancels what had not answered, and still publishes', async () => {
    temporal.scripts['detect.b'] = () => {
      temporal.cancelled = true;
      return Promise.reject(new CancelledFailure('cancelled'));
    };
    const plan = planOf([planned('a'), planned('b'), planned('c', { depends_on: ['b'] })], {
      primary_stages: [['a'], ['b'], ['c']],
    });
    const ending = await endingOf(plan);
    expect(ending.cancelled).toBe(true);
    expect(tokensOf(ending)).toMatchObject({ a: null, b: 'cancelled' });
    expect(temporal.asked).toEqual(['a', 'b']);
    expect(temporal.inputsOf('map')).toEqual([]);
    expect(temporal.calls.map(({ activity, shielded }) => [activity, shielded])).toEqual([
      ['detect.a', false],
      ['detect.b', false],
      ['publish', true],
    ]);
  });
});

describe('Publishing', () => {
  const publishOptions = () => temporal.calls.find(({ activity }) => activity === 'publish')?.options;

  it('is tried until the last deadline of the members', async () => {
    await start(planOf([planned('a')]), [
      memberOf('r1'),
      memberOf('r2', { deadline_at: startOfRun + 60_000 }),
    ]);
    expect(publishOptions()).toMatchObject({ scheduleToCloseTimeout: 60_000, startToCloseTimeout: '10s' });
  });

  it('is tried for ten seconds however late it begins', async () => {
    now = 31_000;
    await start(planOf([planned('a')]));
    expect(publishOptions()).toMatchObject({ scheduleToCloseTimeout: 10_000 });
  });

  it('that fails fails the run, for the sweeper to repeat', async () => {
    temporal.scripts['publish'] = () => Promise.reject(new Error('no store'));
    await expect(start(planOf([planned('a')]))).rejects.toThrow('no store');
  });
});

describe('Jobs that did not complete', () => {
  const plan = planOf([planned('a')]);
  const shown = () => temporal.attributes.map(({ key, value }) => [key.name, value]);
  const leaves = (...unfinished_jobs: PublishOutput['unfinished_jobs'][number][]) => {
    temporal.scripts['publish'] = () => Promise.resolve({ unfinished_jobs, statuses: { 408: 1 } });
  };

  it('fail their own run with the canonical code', async () => {
    temporal.workflowId = 'job-1';
    leaves({ job_id: 'job-1', status: 'failed', error_code: 'REQUEST_TIMEOUT' });
    const error = await start(plan).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApplicationFailure);
    expect(error).toMatchObject({ type: 'REQUEST_TIMEOUT', nonRetryable: true });
    expect(shown()).toEqual([
      ['Outcome', 'failed'],
      ['ErrorCode', 'REQUEST_TIMEOUT'],
    ]);
    expect(temporal.children).toEqual([]);
  });

  it('that were converted fail as abandoned children under their own ids', async () => {
    leaves({ job_id: 'job-2', status: 'failed', error_code: 'ALL_DETECTORS_UNAVAILABLE' });
    const summary = await start(plan);
    expect(summary.statuses).toEqual({ 408: 1 });
    expect(temporal.children).toMatchObject([
      {
        workflow: failedJob,
        options: { workflowId: 'job-2', args: ['ALL_DETECTORS_UNAVAILABLE'], parentClosePolicy: 'ABANDON' },
      },
    ]);
    const attributes = temporal.children[0]?.options['typedSearchAttributes'] as typeof temporal.attributes;
    expect(attributes.map(({ key, value }) => [key.name, value])).toEqual([
      ['Kind', 'failed_job'],
      ['JobId', ['job-2']],
      ['ErrorCode', 'ALL_DETECTORS_UNAVAILABLE'],
    ]);
  });

  it('that were cancelled are shown, not failed', async () => {
    temporal.workflowId = 'job-3';
    leaves({ job_id: 'job-3', status: 'cancelled', error_code: null });
    await expect(start(plan)).resolves.toMatchObject({ members: 1 });
    expect(shown()).toEqual([['Outcome', 'cancelled']]);
    expect(temporal.children).toEqual([]);
  });

  it('of a shared run are mixed, each failed one with a child', async () => {
    leaves(
      { job_id: 'job-4', status: 'cancelled', error_code: null },
      { job_id: 'job-5', status: 'failed', error_code: 'REQUEST_TIMEOUT' },
      { job_id: 'job-6', status: 'failed', error_code: 'AGGREGATION_FAILED' },
    );
    await start(plan, [memberOf('r1'), memberOf('r2'), memberOf('r3')]);
    expect(shown()).toEqual([
      ['Outcome', 'mixed'],
      ['ErrorCode', 'REQUEST_TIMEOUT'],
    ]);
    expect(temporal.children.map(({ options }) => options['workflowId'])).toEqual(['job-5', 'job-6']);
  });

  it('stand as workflows that fail with their code', async () => {
    await expect(failedJob('AGGREGATION_FAILED')).rejects.toMatchObject({
      type: 'AGGREGATION_FAILED',
      nonRetryable: true,
    });
  });
});
