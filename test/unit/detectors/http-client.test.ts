import { DetectorCallError } from '../../../src/detectors/call-error';
import { type Behavior, breaksOff, closes, floods, hangs, raw, status } from '../../support/fake-detectors';
import { upstream } from './adapter-support';

describe('DetectorHttpClient', () => {
  const { server, http, never } = upstream();
  const judge = { detector: 'judge', call: { auth_type: 'none', auth_config: {} } } as const;

  function post(behavior: Behavior, signal: AbortSignal = never): Promise<unknown> {
    server.behave('judge', behavior);
    return http.post({
      called: judge,
      url: `${server.url}/judge`,
      headers: {},
      body: { content: 'x' },
      signal,
    });
  }

  async function failure(behavior: Behavior): Promise<DetectorCallError> {
    const error: unknown = await post(behavior).then(
      () => null,
      (reason: unknown) => reason,
    );
    if (error instanceof DetectorCallError) return error;
    throw new Error('the call should have failed', { cause: error });
  }

  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON',
    'application/vnd.x+json',
  ])('reads an answer of type %s', async (type) => {
    await expect(post(raw('{"a":"é"}', type))).resolves.toEqual({ a: 'é' });
  });

  it.each(['text/html', 'application/jsonp', 'application/octet-stream', 'text/json'])(
    'refuses an answer of type %s, and lives',
    async (type) => {
      expect(await failure(raw('{}', type))).toMatchObject({ failure: 'invalid_response' });
      await expect(post(raw('1'))).resolves.toBe(1);
    },
  );

  it.each([
    { code: 204, failure: 'invalid_response', retryable: false, counts: true },
    { code: 301, failure: 'invalid_response', retryable: false, counts: true },
    { code: 307, failure: 'invalid_response', retryable: false, counts: true },
    { code: 400, failure: 'http_4xx', retryable: false, counts: false },
    { code: 401, failure: 'http_4xx', retryable: false, counts: false },
    { code: 403, failure: 'http_4xx', retryable: false, counts: false },
    { code: 404, failure: 'http_4xx', retryable: false, counts: false },
    { code: 408, failure: 'http_4xx', retryable: true, counts: false },
    { code: 422, failure: 'http_4xx', retryable: false, counts: false },
    { code: 429, failure: 'overloaded', retryable: true, counts: false },
    { code: 500, failure: 'http_5xx', retryable: true, counts: true },
    { code: 503, failure: 'http_5xx', retryable: true, counts: true },
  ])('takes $code as $failure', async ({ code, failure: token, retryable, counts }) => {
    const behavior: Behavior =
      code === 204
        ? (_call, response) => void response.writeHead(204).end()
        : status(code, { location: '/' });
    const error = await failure(behavior);
    expect([error.failure, error.options.retryable, error.countsForBreaker]).toEqual([
      token,
      retryable,
      counts,
    ]);
    expect(error.message).toBe(`the detector answered ${code}`);
  });

  it('does not follow redirects', async () => {
    await failure(status(302, { location: '/elsewhere' }));
    expect(server.calls).toHaveLength(1);
  });

  it.each([
    ['2', 2000],
    ['0.5', 500],
    ['0', 0],
    ['-3', 0],
    ['', undefined],
    ['soon', undefined],
    ['Thu, 01 Jan 2015 00:00:00 GMT', 0],
  ])('reads Retry-After: %s as %s ms', async (header, ms) => {
    expect((await failure(status(429, { 'retry-after': header }))).options.retryAfterMs).toBe(ms);
    expect((await failure(status(503, { 'retry-after': header }))).options.retryAfterMs).toBe(ms);
  });

  it('reads a Retry-After that is a date to come', async () => {
    const inAnHour = new Date(Date.now() + 3_600_000).toUTCString();
    const { retryAfterMs } = (await failure(status(429, { 'retry-after': inAnHour }))).options;
    expect(retryAfterMs).toBeGreaterThan(3_500_000);
    expect(retryAfterMs).toBeLessThanOrEqual(3_600_000);
  });

  it.each([
    ['a closed socket', closes],
    ['a broken-off body', breaksOff],
  ])('takes %s as a network error worth a retry', async (_name, behavior) => {
    const error = await failure(behavior);
    expect(error).toMatchObject({ failure: 'network_error', options: { retryable: true } });
    expect(error.message).toMatch(/^no answer from the detector \(\w+\)$/);
  });

  it('takes an answer over 4 MiB as invalid, one just under it as an answer', async () => {
    const limit = 4 * 1024 * 1024;
    const text = 'a'.repeat(limit - 2);
    await expect(post(raw(JSON.stringify(text)))).resolves.toBe(text);
    expect(await failure(raw(JSON.stringify(`${text}a`)))).toMatchObject({ failure: 'invalid_response' });
    expect(await failure(floods().behavior)).toMatchObject({ failure: 'invalid_response' });
  });

  it('throws the reason of an abort as it is', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const answer = post(hangs, controller.signal);
    await server.called('judge');
    controller.abort(reason);
    await expect(answer).rejects.toBe(reason);
  });

  it('throws the reason of an abort in the middle of the body, too', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const answer = post((_call, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('[', () => setImmediate(() => controller.abort(reason)));
    }, controller.signal);
    await expect(answer).rejects.toBe(reason);
  });

  it('probes: 2xx is well; anything else, or silence, is not', async () => {
    expect(await http.probe(`${server.url}/health`, judge, 2000)).toBe(true);
    server.setHealthy('judge', false);
    expect(await http.probe(`${server.url}/health/judge`, judge, 2000)).toBe(false);
    expect(await http.probe('http://127.0.0.1:1/health', judge, 2000)).toBe(false);
  });
});
