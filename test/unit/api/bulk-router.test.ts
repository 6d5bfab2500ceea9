import supertest from 'supertest';
import type { BulkJobResponse } from '../../../src/contract/bulk';
import type { Bulk } from '../../../src/submission/bulk';
import { TenantKeyDestroyedError } from '../../../src/store/tenant-keys';
import type { BulkLine, BulkUpload } from '../../../src/submission/bulk-intake';
import { appWith, body, expectError, runId } from './support';

const bulkId = `bulk-${runId}`;
const route = '/api/v1/orchestrate/bulk';
const job = (overrides: Partial<BulkJobResponse> = {}): BulkJobResponse => ({
  bulk_id: bulkId,
  tenant_id: 'acme',
  parent_bulk_id: null,
  status: 'running',
  total_items: 2,
  processed_items: 1,
  outcomes: { completed: 1, partial: 0, failed: 0, cancelled: 0 },
  refused_lines: 0,
  progress: 0.5,
  items_per_second: 1,
  created_at: '2026-11-21T10:00:00.000Z',
  started_at: '2026-11-21T10:00:00.000Z',
  completed_at: null,
  correlation_id: 'corr',
  callback: null,
  ...overrides,
});
const finished = job({ status: 'completed', processed_items: 2, completed_at: '2026-11-21T10:00:01.000Z' });

/** A bulk service that reads uploads to their end. */
function reading() {
  const lines: BulkLine[] = [];
  const uploads: BulkUpload[] = [];
  const submit = async (upload: BulkUpload) => {
    uploads.push(upload);
    await upload.admit('acme');
    for await (const line of upload.lines) lines.push(line);
    return { job: job(), replayed: upload.idempotencyKey === 'again' };
  };
  return { lines, uploads, submit };
}

const post = async (bulk: Partial<Bulk>, text: string, headers: Record<string, string> = {}, options = {}) =>
  supertest(await appWith({ bulk, ...options }))
    .post(route)
    .set({ 'Content-Type': 'application/x-ndjson', ...headers })
    .send(text);

describe('POST /orchestrate/bulk', () => {
  it('hands its lines on as they are read, and answers 202 with the job', async () => {
    const { submit, lines, uploads } = reading();
    const response = await post({ submit }, `${JSON.stringify(body)}\n\nno json`, { 'X-Tenant-ID': 'acme' });
    expect([response.status, response.body]).toEqual([202, job()]);
    expect(response.headers['location']).toBe(`${route}/${bulkId}`);
    expect(response.headers['ratelimit-limit']).toBe('100');
    expect(lines).toMatchObject([
      { line: 1, request: { ...body, priority: 'low' } },
      { line: 3, refusal: { detail: 'invalid_json' } },
    ]);
    expect(uploads[0]).toMatchObject({ tenantId: 'acme', idempotencyKey: null, parentBulkId: null });
    expect(uploads[0]!.fingerprint()).toHaveLength(32);
  });

  const hook = 'https://hooks.example/';
  const callbacks = {
    refusalOf: (tenant: string, url: string) =>
      tenant === 'acme' && url === hook ? null : 'must not lead there',
    list: () => Promise.reject(new Error('no list is expected')),
  };

  it('may name whom to call back; an upload that names another is another [9.1]', async () => {
    const { submit, uploads } = reading();
    for (const headers of [{}, { 'X-Callback-URL': hook }] as Record<string, string>[])
      expect((await post({ submit }, JSON.stringify(body), headers, { callbacks })).status).toBe(202);
    expect(uploads.map(({ callbackUrl }) => callbackUrl)).toEqual([null, hook]);
    expect(uploads[0]!.fingerprint()).not.toEqual(uploads[1]!.fingerprint());
  });

  it.each(['https://elsewhere.example/', 'no URL', ''])(
    'refuses to call back at %j before anything is stored [9.1]',
    async (url) => {
      const { submit, lines } = reading();
      const answer = await post(
        { submit },
        JSON.stringify(body),
        { 'X-Callback-URL': url },
        {
          callbacks,
        },
      );
      expectError(answer, { detail: 'callback_not_allowed' });
      expect(answer.body).toMatchObject({ field_errors: [{ path: 'X-Callback-URL' }] });
      expect(lines).toEqual([]);
    },
  );

  it('says when it has been there before', async () => {
    const response = await post({ submit: reading().submit }, JSON.stringify(body), {
      'Idempotency-Key': 'again',
    });
    expect(response.headers['idempotency-replayed']).toBe('true');
    expect(response.headers['idempotency-key']).toBe('again');
  });

  it('answers a line that is too long, though it has not read the rest', async () => {
    const text = `${'x'.repeat(101)}\n${'y\n'.repeat(1000)}`;
    expectError(await post({ submit: reading().submit }, text, {}, { maxLineBytes: 100 }), {
      detail: 'line_too_long',
    });
  });

  it.each([
    ['another type', { 'Content-Type': 'application/json' }],
    ['a compressed body', { 'Content-Encoding': 'gzip' }],
  ])('refuses %s', async (_what, headers) => {
    expectError(await post({}, '{}', headers), { detail: 'content_type_not_ndjson' });
  });

  it('is limited by the minute', async () => {
    const app = await appWith({ bulk: { submit: reading().submit }, perMinute: 1 });
    const send = () => supertest(app).post(route).set('Content-Type', 'application/x-ndjson').send('x');
    expect((await send()).status).toBe(202);
    expectError(await send(), { code: 'RATE_LIMITED' });
  });
});

describe('A bulk job', () => {
  it.each([
    ['get', ''],
    ['delete', ''],
    ['post', '/pause'],
    ['post', '/resume'],
    ['post', '/rerun'],
    ['get', '/events'],
    ['get', '/outcomes'],
  ] as const)('is not found by another kind of id: %s %s', async (method, path) => {
    const response = await supertest(await appWith())[method](`${route}/job-${runId}${path}`);
    expectError(response, { status: 404, detail: 'bulk_not_found' });
  });

  it('streams its changes until it has ended', async () => {
    const app = await appWith({
      bulk: {
        status: async () => job(),
        changes: async () =>
          (async function* () {
            yield job();
            yield finished;
          })(),
      },
    });
    const response = await supertest(app).get(`${route}/${bulkId}/events`).buffer(true);
    expect(response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    expect(response.text.split('\n\n')).toEqual([
      'retry: 2000',
      `id: 1-running\nevent: progress\ndata: ${JSON.stringify(job())}`,
      `id: 2-completed-end\nevent: end\ndata: ${JSON.stringify(finished)}`,
      '',
    ]);
  });

  it('has nothing more to say to who has seen its end', async () => {
    const app = await appWith({ bulk: { status: async () => finished } });
    const response = await supertest(app)
      .get(`${route}/${bulkId}/events`)
      .set('Last-Event-ID', '2-completed-end');
    expect(response.status).toBe(204);
  });

  it('ends its stream when the process stops', async () => {
    const stopping = new AbortController();
    const changes: Bulk['changes'] = async (_bulkId, _tenantId, signal) =>
      (async function* () {
        yield job();
        setImmediate(() => stopping.abort());
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      })();
    const app = await appWith({ bulk: { status: async () => job(), changes }, stopping: stopping.signal });
    expect((await supertest(app).get(`${route}/${bulkId}/events`).buffer(true)).text).toContain('progress');
  });

  it.each([
    ['that cannot be read', new Error('no such table'), { status: 500, detail: null }],
    ['of an erased tenant', new TenantKeyDestroyedError('acme'), { status: 404, detail: 'tenant_erased' }],
  ])('answers what goes wrong before the first of its outcomes: %s', async (_which, error, expected) => {
    const outcomes = async () =>
      (async function* () {
        throw error;
      })();
    const response = await supertest(await appWith({ bulk: { outcomes } })).get(
      `${route}/${bulkId}/outcomes`,
    );
    expect(response.headers['content-type']).toMatch('application/json');
    expect(response.status).toBe(expected.status);
    expect((response.body as { detail: string | null }).detail).toBe(expected.detail);
  });

  it('breaks off what goes wrong later', async () => {
    const outcomes = async () =>
      (async function* () {
        yield '{"index":0}\n';
        throw new Error('no such table');
      })();
    const call = supertest(await appWith({ bulk: { outcomes } })).get(`${route}/${bulkId}/outcomes`);
    await expect(call).rejects.toThrow(/aborted|hang up/);
  });

  it('exports the outcomes that are asked for', async () => {
    const asked: unknown[] = [];
    const outcomes: Bulk['outcomes'] = async (...call) => {
      asked.push(call);
      return (async function* () {
        yield '{"index":0}\n{"index":1}\n';
        yield '{"index":2}\n';
      })();
    };
    const app = await appWith({ bulk: { outcomes } });
    const response = await supertest(app)
      .get(`${route}/${bulkId}/outcomes?status=failed`)
      .set('X-Tenant-ID', 'acme')
      .buffer(true)
      .parse((stream, done) => {
        let text = '';
        stream.on('data', (part: Buffer) => (text += part.toString())).on('end', () => done(null, text));
      });
    expect(response.headers['content-type']).toBe('application/x-ndjson');
    expect(response.body).toBe('{"index":0}\n{"index":1}\n{"index":2}\n');
    expect(asked).toEqual([[bulkId, 'acme', 'failed']]);
  });

  it('knows no other status', async () => {
    const response = await supertest(await appWith()).get(`${route}/${bulkId}/outcomes?status=odd`);
    expectError(response, { detail: 'validation_failed', paths: ['status'] });
  });
});
