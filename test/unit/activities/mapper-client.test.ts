import type { ServerResponse } from 'node:http';
import { MapperClient } from '../../../src/activities/mapper-client';
import { FakeMapper, hangsUp, inOrder, mapping, maps, sends, stalls } from '../../support/fake-mapper';
import { requestId } from '../domain/support';
import { ending } from './samples';

describe('MapperClient', () => {
  const mapper = new FakeMapper();
  let client: MapperClient;
  beforeAll(() => mapper.listen());
  afterAll(() => mapper.close());
  beforeEach(() => {
    mapper.reset();
    client = new MapperClient(mapper.url, null);
  });
  afterEach(() => client.close());

  const payload = ending().payload!;
  const call = (budgetMs = 5000, traceparent: string | null = null) =>
    client.map({ payload, requestId, correlationId: 'corr', traceparent, budgetMs });

  it('returns the mapping, without keys that the contract does not know', async () => {
    mapper.behave(maps({ ...mapping(), surprise: true }));
    expect(await call()).toEqual({ kind: 'mapped', response: mapping() });
  });

  it('sends no header without a value', async () => {
    await call();
    expect(mapper.calls[0]?.headers).toMatchObject({
      'x-tenant-id': 'acme',
      'x-correlation-id': 'corr',
      'idempotency-key': `${requestId}:map`,
    });
    expect(Object.keys(mapper.calls[0]!.headers)).not.toEqual(expect.arrayContaining(['x-api-key']));
    expect(Object.keys(mapper.calls[0]!.headers)).not.toEqual(expect.arrayContaining(['traceparent']));
  });

  it('sends key and trace where there are any', async () => {
    const keyed = new MapperClient(mapper.url, 'a-service-key');
    await keyed.map({ payload, requestId, correlationId: 'c', traceparent: '00-aa-bb-01', budgetMs: 5000 });
    await keyed.close();
    expect(mapper.calls[0]?.headers).toMatchObject({
      'x-api-key': 'a-service-key',
      traceparent: '00-aa-bb-01',
    });
  });

  it.each([
    [408, 'REQUEST_TIMEOUT'],
    [429, 'DETECTOR_OVERLOADED'],
    [400, 'DETECTOR_COMMUNICATION_FAILED'],
    [503, 'DETECTOR_COMMUNICATION_FAILED'],
  ])('%s is %s, asked once', async (status, code) => {
    mapper.behave(sends(status, '{}'));
    expect(await call()).toEqual({ kind: 'failed', code });
    expect(mapper.calls).toHaveLength(1);
  });

  it('goes by the status also when the body of an error breaks off', async () => {
    mapper.behave((_call, response) => {
      response.writeHead(429, { 'content-length': '100' });
      response.write('{', () => response.destroy());
    });
    expect(await call()).toEqual({ kind: 'failed', code: 'DETECTOR_OVERLOADED' });
    expect(mapper.calls).toHaveLength(1);
  });

  it('asks once more when the connection breaks, before the answer or in it', async () => {
    const breaksOff = (_call: unknown, response: ServerResponse) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{', () => response.destroy());
    };
    for (const first of [hangsUp, breaksOff]) {
      mapper.reset();
      mapper.behave(inOrder(first, maps()));
      expect((await call()).kind).toBe('mapped');
      expect(mapper.calls).toHaveLength(2);
    }
  });

  it('asks no third time', async () => {
    mapper.behave(hangsUp);
    expect(await call()).toEqual({ kind: 'failed', code: 'DETECTOR_COMMUNICATION_FAILED' });
    expect(mapper.calls).toHaveLength(2);
  });

  it('gives up when the budget is spent, retry included', async () => {
    mapper.behave(inOrder(hangsUp, stalls));
    expect(await call(300)).toEqual({ kind: 'failed', code: 'REQUEST_TIMEOUT' });
    expect((await mapper.calls[1]?.ended)?.answered).toBe(false);
  });

  it('reads no endless answer', async () => {
    mapper.behave(sends(200, `${JSON.stringify(mapping())}${' '.repeat(2 ** 21)}`));
    expect(await call()).toEqual({ kind: 'failed', code: 'DETECTOR_COMMUNICATION_FAILED' });
  });
});
