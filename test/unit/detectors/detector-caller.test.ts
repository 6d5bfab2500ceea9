import type { DetectorResult } from '../../../src/contract/detector-result';
import type { Member, PlannedDetector } from '../../../src/contract/plan';
import { type DetectorCallError } from '../../../src/detectors/call-error';
import { type CallContext, DetectorCaller } from '../../../src/detectors/detector-caller';
import {
  about,
  type Behavior,
  closes,
  findings,
  flags,
  held,
  inTurn,
  raw,
  says,
  status,
} from '../../support/fake-detectors';
import { planned } from '../domain/support';
import { memberOf } from '../workflows/samples';
import { upstream } from './adapter-support';

const members = (...contents: string[]): Member[] =>
  contents.map((content) => memberOf(`of ${content}`, { content, content_length: [...content].length }));

describe('DetectorCaller', () => {
  const { server, http } = upstream();
  const caller = new DetectorCaller(http, () => 1700);
  let told: Map<string, DetectorResult>;
  let unwanted: Set<string>;
  beforeEach(() => {
    told = new Map();
    unwanted = new Set();
  });

  function call(
    of: readonly Member[],
    {
      context = {},
      traits = {},
      ...overrides
    }: { context?: Partial<CallContext>; traits?: Partial<PlannedDetector> } & Partial<
      PlannedDetector['call']
    > = {},
    signal = new AbortController().signal,
  ) {
    const detector = planned('judge', {
      ...traits,
      call: { ...planned('judge').call, endpoint: server.url, ...overrides },
    });
    return caller.call(
      detector,
      of,
      {
        runId: 'run',
        tenantId: 'acme',
        contentType: 'text',
        fingerprintKey: Buffer.alloc(32),
        startedAt: 1500,
        attempt: 1,
        wanted: (requestId) => !unwanted.has(requestId),
        answered: (results) => results.forEach((result, requestId) => told.set(requestId, result)),
        ...context,
      },
      signal,
    );
  }
  const asked = () => server.calls.map(({ contents }) => contents);
  const outcomes = (results: ReadonlyMap<string, DetectorResult>) =>
    Object.fromEntries([...results].map(([id, { output, error }]) => [id.slice(3), output ?? error]));
  const error = (thrown: Promise<unknown>) =>
    thrown.then(
      () => null,
      (caught: unknown) => caught as DetectorCallError,
    );

  describe('sends in one call', () => {
    it('what the detector takes at once', async () => {
      await call(members('1', '2', '3', '4', '5'), { max_batch: 2 });
      expect(asked().toSorted()).toEqual([['1', '2'], ['3', '4'], ['5']]);
    });

    it('512 KiB of content at most', async () => {
      const large = (letter: string) => memberOf(letter, { content: letter.repeat(300 * 1024) });
      await call([large('a'), large('b'), large('c'), memberOf('d', { content: 'd' })]);
      expect(
        asked()
          .map((contents) => contents.map((content) => content[0]!).join(''))
          .toSorted(),
      ).toEqual(['a', 'b', 'cd']);
    });

    it('one content where the protocol has no batches, so many at a time', async () => {
      const gate = held(says({ output: 'clean' }));
      server.behave('judge', gate.behavior);
      const results = call(members(...Array.from({ length: 25 }, (_, index) => String(index))), {
        protocol: 'conclave',
        endpoint: `${server.url}/judge`,
      });
      await server.called('judge', 10);
      await new Promise((resolve) => setImmediate(resolve));
      expect(server.calls).toHaveLength(10);
      gate.release();
      expect((await results).size).toBe(25);
      expect(server.calls).toHaveLength(25);
    });

    it('under a key that names run, detector and items', async () => {
      await call(members('1', '2'), { max_batch: 1 });
      await call(members('1', '2'), { max_batch: 1 });
      const keys = server.calls.map(({ headers }) => String(headers['idempotency-key']));
      for (const key of keys) expect(key).toMatch(/^run:judge:[0-9a-f]{32}$/);
      expect(new Set(keys).size).toBe(2);
    });

    it('nobody who is not wanted any more', async () => {
      unwanted.add('of 2');
      const results = await call(members('1', '2', '3'));
      expect(asked()).toEqual([['1', '3']]);
      expect([...results.keys()]).toEqual(['of 1', 'of 3']);
    });

    it('nobody at all when none is wanted', async () => {
      unwanted.add('of 1');
      expect((await call(members('1'))).size).toBe(0);
      expect(asked()).toEqual([]);
    });

    it.each([
      [2, [8, 8, 4]],
      [3, Array.from({ length: 20 }, () => 1)],
      [4, Array.from({ length: 20 }, () => 1)],
    ])('fewer at attempt %i, so that who shared a failure is told apart', async (attempt, sizes) => {
      await call(members(...Array.from({ length: 20 }, (_, index) => String(index))), {
        context: { attempt },
      });
      expect(
        asked()
          .map((contents) => contents.length)
          .toSorted((a, b) => b - a),
      ).toEqual(sizes);
    });
  });

  describe('halves a batch down to the guilty item', () => {
    it.each<[string, Behavior, string]>([
      ['refused', status(422), 'http_4xx: the detector answered 422'],
      ['that breaks the detector', status(500), 'http_5xx: the detector answered 500'],
      ['answered wrongly', raw('{}'), 'invalid_response: the answer is not a list of detections per content'],
      ['answered with too few', raw('[]'), 'invalid_response: the answer has 0 lists for 1 contents'],
    ])('%s', async (_what, behavior, message) => {
      server.behave('judge', about('bad', behavior, flags('toxic', 0.9)));
      const results = await call(members('1', '2', '3', 'bad', '5', '6', '7', '8'));
      expect(outcomes(results)).toEqual({
        ...Object.fromEntries(['1', '2', '3', '5', '6', '7', '8'].map((id) => [id, 'toxic'])),
        bad: message,
      });
      // Whole, two halves, two quarters, two eighths.
      expect(server.calls).toHaveLength(7);
      expect(outcomes(told)).toEqual(outcomes(results));
    });

    it('also when there are several', async () => {
      server.behave('judge', about('bad', status(422)));
      const results = await call(members('bad 1', '2', '3', 'bad 4'));
      expect(outcomes(results)).toMatchObject({ 2: 'clean', 3: 'clean' });
      expect(results.get('of bad 1')).toMatchObject({ status: 'failed', metadata: { attempts: 1 } });
    });

    it('tells of its neighbors before it is found', async () => {
      const gate = held(status(422));
      server.behave(
        'judge',
        about('bad', (received, response) =>
          received.contents.length === 1
            ? gate.behavior(received, response)
            : status(422)(received, response),
        ),
      );
      const results = call(members('1', '2', '3', 'bad'));
      await server.called('judge', 5);
      await new Promise((resolve) => setTimeout(resolve, 0));
      gate.release();
      const early = [...told.keys()];
      await results;
      expect(early).toEqual(expect.arrayContaining(['of 1', 'of 2']) as unknown);
      expect(early).not.toContain('of bad');
    });

    it.each([401, 404, 405])('but not for %i, which is about the caller', async (code) => {
      server.behave('judge', status(code));
      expect(await error(call(members('1', '2', '3', '4')))).toMatchObject({ failure: 'http_4xx' });
      expect(server.calls).toHaveLength(1);
    });

    it('nor for an error that may pass and that no half is spared', async () => {
      server.behave('judge', status(500));
      const thrown = await error(call(members('1', '2', '3', '4', '5', '6', '7', '8')));
      expect(thrown).toMatchObject({ failure: 'http_5xx', options: { retryable: true } });
      expect(server.calls).toHaveLength(3);
      expect(told.size).toBe(0);
    });

    it.each<[string, Behavior]>([
      ['503', status(503)],
      ['429', status(429)],
      ['a connection that breaks', closes],
    ])('nor for %s', async (_what, behavior) => {
      server.behave('judge', behavior);
      expect((await error(call(members('1', '2'))))?.options.retryable).toBe(true);
      expect(server.calls).toHaveLength(1);
    });

    it('and stops at the deadline', async () => {
      const deadline = new AbortController();
      server.behave('judge', (received, response) => {
        if (received.contents.length === 4) return status(422)(received, response);
        deadline.abort(new Error('time is up'));
      });
      await expect(call(members('1', '2', '3', '4'), {}, deadline.signal)).rejects.toThrow('time is up');
      expect(server.calls.length).toBeLessThanOrEqual(3);
    });
  });

  describe('sends content that is too long in parts', () => {
    const traits = { max_content_length: 20, long_content: 'split' as const };
    const long = 'First sentence. The second one. A third. And a fourth one.';

    it('beside others, and puts spans where they stand in the whole', async () => {
      server.behave(
        'judge',
        findings((content) => {
          const at = content.indexOf('third');
          return at < 0 ? [] : [{ start: at, end: at + 5, detection: 'ordinal', score: 0.8 }];
        }),
      );
      const results = await call(members('short', long), { traits });
      expect(asked()).toHaveLength(1);
      expect(asked()[0]![0]).toBe('short');
      expect(asked()[0]!.length).toBeGreaterThan(3);
      expect(outcomes(results)).toEqual({ short: 'clean', [long]: 'ordinal' });
      const [found, ...more] = results.get(`of ${long}`)!.findings;
      expect(more).toEqual([]);
      expect(long.slice(found!.start!, found!.end!)).toBe('third');
      expect(results.get(`of ${long}`)).not.toHaveProperty('unjudged');
    });

    it('each under a key of its own', async () => {
      await call(members(long), { traits, max_batch: 1 });
      const keys = server.calls.map(({ headers }) => headers['idempotency-key']);
      expect(keys.length).toBeGreaterThan(3);
      expect(new Set(keys).size).toBe(keys.length);
      const ids = server.calls.map(({ headers }) => headers['x-request-id']);
      expect(new Set(ids)).toEqual(new Set([`of ${long}`]));
    });

    it('and says of a part that is refused that it was not judged', async () => {
      server.behave('judge', about('third', status(422), flags('toxic', 0.9)));
      const result = (await call(members(long), { traits })).get(`of ${long}`)!;
      expect(result).toMatchObject({ status: 'success', output: 'toxic' });
      expect(result.unjudged!.map(({ reason }) => reason)).toContain('part_failed');
      expect(result.unjudged!.map(({ start, end }) => long.slice(start!, end!)).join()).toContain('third');
    });

    it('all of them again while a part may yet be judged, and not after the last attempt', async () => {
      server.behave('judge', about('third', status(503), flags('toxic', 0.9)));
      const thrown = await error(call(members(long), { traits, max_batch: 1 }));
      expect(thrown).toMatchObject({ failure: 'http_5xx', options: { retryable: true } });
      expect(told.size).toBe(0);
      const last = await call(members(long), { traits, max_batch: 1, context: { attempt: 3 } });
      expect(last.get(`of ${long}`)).toMatchObject({ status: 'success', metadata: { attempts: 3 } });
      expect(last.get(`of ${long}`)!.unjudged).not.toHaveLength(0);
    });
  });

  it('throws what should be tried again, having told of the others', async () => {
    server.behave('judge', about('2', status(503), about('3', status(422))));
    const thrown = await error(call(members('1', '2', '3'), { max_batch: 1 }));
    expect(thrown).toMatchObject({ failure: 'http_5xx', options: { retryable: true } });
    expect(outcomes(told)).toEqual({ 1: 'clean', 3: 'http_4xx: the detector answered 422' });
  });

  it('throws when nobody was judged', async () => {
    server.behave('judge', inTurn(status(422), status(400)));
    expect(await error(call(members('1', '2'), { max_batch: 1 }))).toMatchObject({
      failure: 'http_4xx',
      options: { retryable: false },
    });
    expect(told.size).toBe(0);
  });

  it('makes what breaks on one answer the result of its member alone', async () => {
    server.behave(
      'judge',
      findings(() => [{ start: 0, end: 1, detection: 'toxic', score: 1 }]),
    );
    const odd = memberOf('of odd', { content: '2', content_length: 1 });
    // Content that cannot be read any more is what a fault of ours would look like.
    Object.defineProperty(odd, 'content', {
      get() {
        if (server.calls.length > 0) throw new Error('cannot be read');
        return '2';
      },
    });
    const results = await call([...members('1'), odd, ...members('3')]);
    expect(outcomes(results)).toEqual({ 1: 'toxic', odd: 'plugin_error', 3: 'toxic' });
  });
});
