import type { ContentType } from '../../../../src/contract/enums';
import { paramsSchemas } from '../../../../src/contract/detector-params';
import type { Protocol } from '../../../../src/contract/protocols';
import type { DetectorAdapter, DetectorItem, ItemAnswer } from '../../../../src/detectors/adapter';
import type { DetectorHttpClient } from '../../../../src/detectors/http-client';
import { raw, status } from '../../../support/fake-detectors';
import { item, upstream } from '../adapter-support';

interface Asked {
  readonly params?: Record<string, unknown>;
  readonly items?: readonly DetectorItem[];
  readonly contentType?: ContentType;
}

/**
 * A server of a protocol that answers what a test records, and its adapter.
 * @param path where it must be called, query included
 * @param params without which the protocol does not go
 */
export function speaking(
  protocol: Protocol,
  adapterOver: (http: DetectorHttpClient) => DetectorAdapter,
  path: string,
  params: Record<string, unknown> = {},
) {
  const { server, http, request, never } = upstream();

  function call({ params: more = {}, items = [item('text')], contentType = 'text' }: Asked = {}) {
    const all = { ...params, ...more };
    // What a test sends must be what a registration may hold.
    paramsSchemas[protocol].parse(all);
    const asked = request(items, { protocol, endpoint: server.url, params: all });
    return adapterOver(http)({ ...asked, contentType }, never);
  }

  function judge(answer: unknown, asked: Asked = {}): Promise<readonly ItemAnswer[]> {
    server.behave(path.slice(1), raw(JSON.stringify(answer)));
    return call(asked);
  }

  /** Findings of an answer on one text. */
  async function findings(answer: unknown, asked: Asked = {}) {
    const [one] = await judge(answer, asked);
    if (one?.kind !== 'findings') throw new Error('no findings');
    return one.findings;
  }

  async function unjudged(answer: unknown, asked: Asked = {}) {
    const [one] = await judge(answer, asked);
    if (one?.kind !== 'findings') throw new Error('no findings');
    return one.unjudged;
  }

  const bodies = () => server.calls.map(({ body }) => JSON.parse(body) as unknown);
  const paths = () => server.calls.map(({ detector }) => `/${detector}`);

  /** What every protocol owes: an answer that is none is never taken for clean. */
  function itTakesNoOtherAnswer(...others: readonly (readonly [string, unknown])[]): void {
    const everywhere: (readonly [string, unknown])[] = [
      ['nothing', null],
      ['a text', 'safe'],
      ['an error body', { error: { code: 'InvalidRequest', message: 'no' }, detail: 'no', message: 'no' }],
      ...others,
    ];
    it.each(everywhere)('takes %s for an invalid response', async (_what, answer) => {
      await expect(judge(answer)).rejects.toMatchObject({
        failure: 'invalid_response',
        options: { retryable: false },
      });
    });

    it.each([
      { code: 400, failure: 'http_4xx', retryable: false },
      { code: 401, failure: 'http_4xx', retryable: false },
      { code: 422, failure: 'http_4xx', retryable: false },
      { code: 429, failure: 'overloaded', retryable: true },
      { code: 503, failure: 'http_5xx', retryable: true },
    ])('takes $code as $failure, and waits as long as it is told', async ({ code, failure, retryable }) => {
      server.behave(path.slice(1), status(code, { 'retry-after': '3' }));
      const error: unknown = await call().catch((caught: unknown) => caught);
      expect(error).toMatchObject({ failure, options: { retryable } });
      if (retryable) expect(error).toMatchObject({ options: { retryAfterMs: 3000 } });
    });
  }

  return { server, judge, call, findings, unjudged, bodies, paths, itTakesNoOtherAnswer };
}

/** A finding about the content as a whole. */
export const whole = (label: string, score: unknown, more: object = {}) => ({
  label,
  score,
  start: null,
  end: null,
  ...more,
});
/** The same from a detector that says yes or no. */
export const yes = (label: string) => whole(label, true, { strength: 1 });
