import type { z } from 'zod';
import type { circuitBreakerSchema } from '../../../src/contract/upstream';
import { gateway } from './support';

type BreakerFields = z.input<typeof circuitBreakerSchema>;

describe('While the breaker is open', () => {
  const { upstream, directory, breakers, clock, send } = gateway();

  function put(
    circuit_breaker: BreakerFields,
    fields: { auth_type?: 'bearer_token'; url?: string } = {},
  ): void {
    directory.put({
      name: 'x',
      url: upstream.url,
      methods: ['GET', 'POST'],
      circuit_breaker: { failure_threshold: 1, ...circuit_breaker },
      ...fields,
    });
  }

  async function open(): Promise<void> {
    upstream.answer(500);
    await send('/proxy/x/opens');
    expect(breakers.stateOf('x')).toBe('open');
    upstream.reset();
  }

  it('an error is answered, and nothing reaches the upstream [B3] [B4]', async () => {
    put({});
    await open();
    const answer = await send('/proxy/x');
    expect([answer.status, answer.json['code'], answer.headers['retry-after']]).toEqual([
      503,
      'CIRCUIT_OPEN',
      '60',
    ]);
    expect(answer.headers).toMatchObject({
      'x-circuit-breaker': 'fallback',
      'x-fallback-strategy': 'error_response',
      'x-endpoint-id': 'x',
    });
    expect(upstream.seen).toEqual([]);
    expect(breakers.describe('x')!.counts).toMatchObject({ prevented: 1, fallbacks: 1 });
  });

  it('ends when a trial succeeds [B1]', async () => {
    put({ reset_timeout: 10 });
    await open();
    clock.now += 10_001;
    expect((await send('/proxy/x')).text).toBe('fine');
    expect(breakers.stateOf('x')).toBe('closed');
  });

  it.each([
    [{ fallback_status: 202, fallback_response: { spare: [1] } }, 202, { spare: [1] }],
    [{}, 200, { message: 'x is not available', endpoint_id: 'x', timestamp: expect.any(String) }],
  ])('a default is answered: %j', async (fields, status, body) => {
    put({ fallback_strategy: 'default_response', ...fields });
    await open();
    const answer = await send('/proxy/x');
    expect([answer.status, answer.json]).toEqual([status, body]);
    expect(answer.headers['x-fallback-strategy']).toBe('default_response');
    const posted = await send('/proxy/x', { method: 'POST', body: 'x' });
    expect([posted.status, posted.json]).toEqual([status, body]);
  });

  it('callers are sent elsewhere, with method, rest and query [B4]', async () => {
    put({ fallback_strategy: 'redirect', redirect_url: 'https://spare.example/base?k=1' });
    await open();
    const answer = await send('/proxy/x/a%20b?c=1&c=2', { method: 'POST', body: 'x' });
    expect([answer.status, answer.headers['location']]).toEqual([
      307,
      'https://spare.example/base/a%20b?k=1&c=1&c=2',
    ]);
    expect(answer.headers).toMatchObject({
      'x-circuit-breaker': 'fallback',
      'x-fallback-strategy': 'redirect',
    });
  });

  describe('the last good answer is given', () => {
    const cached: BreakerFields = {
      fallback_strategy: 'cached_response',
      cache_ttl: 100,
      cache_max_bytes: 100,
    };
    const remember = async (
      path = '/proxy/x/a?b=1',
      headers: Record<string, string> = {},
      answered: Record<string, string> = {},
      body = 'good',
    ) => {
      upstream.answer(200, { 'content-type': 'text/x', 'set-cookie': 'a=1', ...answered }, body);
      expect((await send(path, { headers })).text).toBe(body);
    };
    const recalled = async (
      path = '/proxy/x/a?b=1',
      headers: Record<string, string> = {},
      method = 'GET',
    ) => {
      const answer = await send(path, { headers, method });
      return answer.status === 200 ? answer : null;
    };

    it('with its age, until it is too old [B4]', async () => {
      put(cached);
      await remember();
      await open();
      clock.now += 40_000;
      const answer = await send('/proxy/x/a?b=1');
      expect([answer.status, answer.text]).toEqual([200, 'good']);
      expect(answer.headers).toMatchObject({
        'content-type': 'text/x',
        age: '40',
        'x-cache': 'fallback',
        'x-circuit-breaker': 'fallback',
        'x-fallback-strategy': 'cached_response',
      });
      expect(answer.headers['set-cookie']).toBeUndefined();
      put({ ...cached, reset_timeout: 3600 });
      expect(await recalled()).toBeNull();
    });

    it('not after its time', async () => {
      put({ ...cached, reset_timeout: 3600 });
      await remember();
      await open();
      clock.now += 100_001;
      expect((await send('/proxy/x/a?b=1')).status).toBe(503);
    });

    it('to nobody else, of nothing else [B4]', async () => {
      put(cached, { auth_type: 'bearer_token' });
      const mine = { authorization: 'Bearer me', 'x-tenant-id': 'acme', cookie: 'a=1' };
      await remember('/proxy/x/a?b=1', mine);
      await open();
      expect(await recalled('/proxy/x/a?b=1', { ...mine, authorization: 'Bearer you' })).toBeNull();
      expect(await recalled('/proxy/x/a?b=1', { ...mine, 'x-tenant-id': 'other' })).toBeNull();
      expect(await recalled('/proxy/x/a?b=1', { ...mine, cookie: 'a=2' })).toBeNull();
      expect(await recalled('/proxy/x/a?b=2', mine)).toBeNull();
      expect(await recalled('/proxy/x/b?b=1', mine)).toBeNull();
      expect(await recalled('/proxy/x/a?b=1', mine, 'HEAD')).toBeNull();
      expect(await recalled('/proxy/x/a?b=1', mine, 'POST')).toBeNull();
      expect((await recalled('/proxy/x/a?b=1', mine))?.text).toBe('good');
    });

    it.each([
      ['no-store', { 'cache-control': 'max-age=3, No-Store' }, 'good'],
      ['private', { 'cache-control': 'private' }, 'good'],
      ['for everything', { vary: '*' }, 'good'],
      ['too large', {}, 'x'.repeat(101)],
      ['too large, chunked', { 'transfer-encoding': 'chunked' }, 'x'.repeat(101)],
    ])('not where it was %s', async (_name, answered, body) => {
      put(cached);
      await remember('/proxy/x/a?b=1', {}, answered, body);
      await open();
      expect(await recalled()).toBeNull();
    });

    it('to those for whom it was chosen', async () => {
      put(cached);
      await remember('/proxy/x/a', { 'accept-language': 'de' }, { vary: 'Accept-Language' });
      await open();
      expect(await recalled('/proxy/x/a', { 'accept-language': 'en' })).toBeNull();
      expect(await recalled('/proxy/x/a', { 'accept-language': 'de' })).not.toBeNull();
    });

    it('of the latest so many', async () => {
      put({ ...cached, cache_max_entries: 2 });
      for (const path of ['1', '2', '3']) await remember(`/proxy/x/${path}`);
      await open();
      expect(await recalled('/proxy/x/1')).toBeNull();
      expect(await recalled('/proxy/x/2')).not.toBeNull();
      expect(await recalled('/proxy/x/3')).not.toBeNull();
    });
  });
});
