import request from 'supertest';
import type { KeyedChanges } from '../../../src/api/once';
import type { UploadedContent } from '../../../src/contract/content';
import { ConclaveError } from '../../../src/contract/errors';
import type { Attempt, KeyedCall } from '../../../src/store/kept-answers';
import { type AppOptions, appWith, expectError } from './support';

/** What changes nothing, or has a way of its own not to be repeated (docs/idempotency.md). */
const withoutKey = [
  'POST /moderations',
  'POST /policies/validate',
  'POST /config/validate',
  'POST /detectors/{name}/test',
  'POST /health/check/{endpoint_id}',
  'POST /router/refresh',
  'POST /auth/refresh',
  'POST /auth/validate',
  'POST /auth/logout',
  'POST /auth/dev-token',
];
const unexpected = () => Promise.reject(new Error('not expected'));
const uploaded: UploadedContent = {
  content_ref: 'content-8f14e45f-ceea-467f-a2d1-3f1c0c4b7a10',
  content_type: 'document',
  bytes: 10,
  digest: `sha256:${'0'.repeat(64)}`,
  expires_at: '2026-11-21T20:00:00.000Z',
  media_type: 'text/plain',
  width: null,
  height: null,
  pages: 1,
  characters: 10,
  not_extracted: [],
};
const path = '/api/v1/cache?tenant_id=acme&policy_bundle=default';

/** An app whose store of answers says these things, one after the other. */
const saying = (...attempts: (Attempt | 'work')[]) => sayingTo({}, ...attempts);

async function sayingTo(options: AppOptions, ...attempts: (Attempt | 'work')[]) {
  const [calls, used]: [KeyedCall[], string[]] = [[], []];
  const keyedChanges: KeyedChanges = {
    answers: {
      async attempt(call, work) {
        calls.push(call);
        const said = attempts.shift()!;
        if (said !== 'work') return said;
        await work();
        return { outcome: 'done' };
      },
    },
    keyUsed: (tenantId, outcome) => used.push(`${tenantId} ${outcome}`),
  };
  const app = await appWith({ ...options, keyedChanges });
  const send = () => request(app).delete(path).set({ 'Idempotency-Key': 'a-key', 'X-Tenant-ID': 'acme' });
  return { app, send, calls, used };
}

describe('An Idempotency-Key', () => {
  it('is taken by every operation that changes something [8.2]', async () => {
    const { body } = await request(await appWith()).get('/api/v1/openapi.json');
    const paths = (
      body as { paths: Record<string, Record<string, { parameters?: { name: string }[]; servers?: object }>> }
    ).paths;
    const without = Object.entries(paths).flatMap(([route, operations]) =>
      Object.entries(operations)
        .filter(([method, { servers }]) => ['post', 'put', 'delete', 'patch'].includes(method) && !servers)
        .filter(([, { parameters }]) => !parameters?.some(({ name }) => name === 'Idempotency-Key'))
        .map(([method]) => `${method.toUpperCase()} ${route}`),
    );
    const passedOn = without.filter((operation) => !operation.includes(' /proxy/'));
    expect(passedOn.toSorted()).toEqual(withoutKey.toSorted());
  });

  it('has a kept answer repeated verbatim [8.2]', async () => {
    const answer = {
      status: 201,
      headers: { location: '/there', 'content-type': 'application/json' },
      body: '{"a":1}',
    };
    const { send, calls, used } = await saying({ outcome: 'kept', answer });
    const response = await send();
    expect([response.status, response.text]).toEqual([201, '{"a":1}']);
    expect(response.headers).toMatchObject({
      location: '/there',
      'idempotency-key': 'a-key',
      'idempotency-replayed': 'true',
    });
    expect(calls[0]).toMatchObject({ tenantId: 'acme', route: 'DELETE /cache' });
    expect(used).toEqual(['acme replayed']);
  });

  it('joins a change that is being made, and says nothing of a replay then [8.2]', async () => {
    const answer = { status: 204, headers: {}, body: '' };
    const { send, used } = await saying({ outcome: 'busy' }, { outcome: 'kept', answer });
    const response = await send();
    expect([response.status, response.headers['idempotency-replayed']]).toEqual([204, undefined]);
    expect(used).toEqual(['acme joined']);
  });

  it('waits for its turn among other changes, which is no replay and nothing in progress [8.2]', async () => {
    const { send, used } = await saying({ outcome: 'full' }, 'work');
    expect((await send()).status).toBe(204);
    expect(used).toEqual(['acme new']);
  });

  it.each([
    ['full', { status: 403, code: 'RATE_LIMITED', detail: 'overloaded' }],
    ['busy', { status: 409, code: 'INVALID_REQUEST', detail: 'idempotency_in_progress' }],
  ] as const)('that is %s for ten seconds says so [8.2]', async (outcome, refusal) => {
    const now = jest.spyOn(Date, 'now');
    const attempts = Array.from({ length: 3 }, (): Attempt => ({ outcome }));
    const { send } = await saying(...attempts);
    const begun = Date.now();
    let calls = 0;
    now.mockImplementation(() => begun + 4000 * calls++);
    const response = await send();
    now.mockRestore();
    expectError(response, refusal);
    expect(response.headers['retry-after']).toBe('1');
  });

  it('does not have a body that is nested too deeply walked [8.2]', async () => {
    const { app, calls } = await saying();
    const depth = 100_000;
    const response = await request(app)
      .post('/api/v1/registry/endpoints')
      .set({ 'Idempotency-Key': 'a-key', 'Content-Type': 'application/json' })
      .send('['.repeat(depth) + ']'.repeat(depth));
    expectError(response, { status: 400, detail: 'too_deep' });
    expect(calls).toEqual([]);
  });

  it('of something else is a conflict; without one nobody is asked [8.2]', async () => {
    const { send, used, calls } = await saying({ outcome: 'conflict' }, 'work');
    expectError(await send(), { status: 409, detail: 'idempotency_conflict' });
    expect((await send()).status).toBe(204);
    expect(used).toEqual(['acme conflict', 'acme new']);
    const app = await appWith();
    expect((await request(app).delete(path).set('X-Tenant-ID', 'acme')).status).toBe(204);
    expect(calls).toHaveLength(2);
  });

  it('of an upload stands for its bytes and what they are said to be, for the tenant that the form names [8.2]', async () => {
    const uploads = { accept: () => Promise.resolve({ isNew: true, uploaded }), remove: unexpected };
    const { app, calls } = await sayingTo({ uploads }, 'work', 'work', { outcome: 'conflict' });
    const send = (bytes: string, tenant = 'acme') =>
      request(app)
        .post('/api/v1/orchestrate/content')
        .set('Idempotency-Key', 'a-key')
        .field('tenant_id', tenant)
        .attach('file', Buffer.from(bytes), { filename: 'a', contentType: 'text/plain' });
    expect((await send('some bytes')).status).toBe(201);
    expect((await send('some bytes')).status).toBe(201);
    expectError(await send('other bytes', 'demo'), { status: 409, detail: 'idempotency_conflict' });
    expect(calls.map(({ tenantId }) => tenantId)).toEqual(['acme', 'acme', 'demo']);
    const fingerprints = calls.map(({ fingerprint }) => fingerprint.toString('hex'));
    expect(fingerprints[1]).toBe(fingerprints[0]);
    expect(fingerprints[2]).not.toBe(fingerprints[0]);
  });

  it('of an upload that cannot be taken is told why [8.2]', async () => {
    const refused = new ConclaveError('INVALID_REQUEST', 'it cannot be read', { detail: 'unreadable' });
    const { app } = await sayingTo(
      { uploads: { accept: () => Promise.reject(refused), remove: unexpected } },
      'work',
    );
    const response = await request(app)
      .post('/api/v1/orchestrate/content')
      .set('Idempotency-Key', 'a-key')
      .field('tenant_id', 'acme')
      .attach('file', Buffer.from('bytes'), 'a');
    expectError(response, { status: 400, detail: 'unreadable' });
  });
});
