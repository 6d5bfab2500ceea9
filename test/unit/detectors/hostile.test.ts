import { gzipSync } from 'node:zlib';
import type { Protocol } from '../../../src/contract/protocols';
import { DetectorCallError } from '../../../src/detectors/call-error';
import { DetectorCaller } from '../../../src/detectors/detector-caller';
import { type Behavior, breaksOff, drips, floods, raw } from '../../support/fake-detectors';
import { planned } from '../domain/support';
import { memberOf } from '../workflows/samples';
import { upstream } from './adapter-support';

/** What a client holds of an endless answer: its limit of 4 MiB, and what fits into buffers of sockets. */
const mostWritten = 32 * 1024 * 1024;
const budgetMs = 1000;

interface Spoken {
  readonly protocol: Protocol;
  readonly path: string;
  /** A sound answer on one text of four code points with a score, and with a span where there are any. */
  readonly answer: (score: string, end: number) => string;
  readonly places: boolean;
}

const spoken: readonly Spoken[] = [
  {
    protocol: 'detectors-api',
    path: 'judge',
    answer: (score, end) => `[[{"start":0,"end":${end},"detection":"x","score":${score}}]]`,
    places: true,
  },
  {
    protocol: 'presidio',
    path: 'analyze',
    answer: (score, end) => `[[{"start":0,"end":${end},"entity_type":"x","score":${score}}]]`,
    places: true,
  },
  {
    protocol: 'tei',
    path: 'predict',
    answer: (score) => `[[{"label":"x","score":${score}}]]`,
    places: false,
  },
  {
    protocol: 'openai-moderations',
    path: 'v1/moderations',
    answer: (score) =>
      `{"results":[{"flagged":true,"categories":{"x":true},"category_scores":{"x":${score}}}]}`,
    places: false,
  },
];

describe.each(spoken)('A hostile detector of protocol $protocol', ({ protocol, path, answer, places }) => {
  const { server, http } = upstream();
  const caller = new DetectorCaller(http);

  async function outcome(behavior: Behavior): Promise<string> {
    server.behave(path, behavior);
    const detector = planned('judge', { call: { ...planned('judge').call, protocol, endpoint: server.url } });
    const late = new DetectorCallError('attempt_timeout', 'late', { retryable: true });
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(late), budgetMs);
    const context = {
      runId: 'run',
      tenantId: 'acme',
      contentType: 'text',
      fingerprintKey: Buffer.alloc(32),
      startedAt: Date.now(),
      attempt: 1,
      wanted: () => true,
      answered: () => undefined,
    } as const;
    try {
      const member = memberOf('r', { content: 'text', content_length: 4 });
      const results = await caller.call(detector, [member], context, controller.signal);
      return results.get('r')!.status;
    } catch (error) {
      return (error as DetectorCallError).failure;
    } finally {
      clearTimeout(timer);
    }
  }

  it('is taken at its word when its answer is sound', async () => {
    expect(await outcome(raw(answer('0.5', 4)))).toBe('success');
  });

  it.each<[string, () => Behavior, string]>([
    ['HTML', () => raw('<html>', 'text/html'), 'invalid_response'],
    ['HTML that calls itself JSON', () => raw('<html>'), 'invalid_response'],
    ['a byte a second', () => drips(1000), 'attempt_timeout'],
    ['a close in mid-body', () => breaksOff, 'network_error'],
    ['NaN for a score', () => raw(answer('NaN', 4)), 'invalid_response'],
    ['Infinity for a score', () => raw(answer('1e999', 4)), 'invalid_response'],
    [
      'invalid UTF-8',
      () => raw(Buffer.from(answer('0.5', 4).replaceAll('x', '\xff'), 'latin1')),
      'invalid_response',
    ],
    ['no result', () => raw('[]'), 'invalid_response'],
    [
      'two results for one text',
      () => raw(`[${[1, 2].map(() => answer('0.5', 4)).join()}]`),
      'invalid_response',
    ],
    ['brackets without end', () => raw('['.repeat(1_000_000)), 'invalid_response'],
    ['a compressed body that nobody asked for', () => raw(gzipSync(answer('0.5', 4))), 'invalid_response'],
  ])('that answers with %s fails by name, within its budget', async (_what, behavior, failure) => {
    expect(await outcome(behavior())).toBe(failure);
  });

  it('that points outside the text fails by name; one that has no places cannot', async () => {
    expect(await outcome(raw(answer('0.5', 5)))).toBe(places ? 'invalid_response' : 'success');
  });

  it.each([
    [200, 'invalid_response'],
    [500, 'http_5xx'],
  ])('that sends without end under %i is read to a bound', async (code, failure) => {
    const flood = floods(code);
    expect(await outcome(flood.behavior)).toBe(failure);
    expect(flood.written()).toBeLessThan(mostWritten);
  });
});
