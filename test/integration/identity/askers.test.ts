import { randomUUID } from 'node:crypto';
import type { OrchestrationResponse } from '../../../src/contract/answer';
import type { CreatedApiKey } from '../../../src/contract/api-keys';
import type { BulkJobResponse } from '../../../src/contract/bulk';
import { conclave } from '../../support/conclave-command';
import { eventually } from '../../support/eventually';
import { System, testServers } from '../../support/system';

let system: System;
let key: CreatedApiKey;

beforeAll(async () => {
  system = await System.start({
    detectors: ['a'],
    policies: { 'acme/default': { policy: { required_detectors: ['a'] } } },
    parts: ['api', 'worker'],
    env: { ORCHESTRATION_SECURITY__AUTH_DISABLED: 'false' },
  });
  const url = new URL(testServers().databaseUrl);
  url.pathname = `/${system.database}`;
  const env = { ORCHESTRATION_DATABASE_URL: url.href, ORCHESTRATION_DATA_DIR: system.dataDir };
  const made = ['create', '--tenant', 'acme', '--role', 'tenant_admin', '--format', 'json'];
  key = JSON.parse((await conclave(['api-key', ...made], env)).stdout) as CreatedApiKey;
  await eventually(
    () => ask('GET', '/auth/user'),
    ({ status }) => status === 200,
  );
});
afterAll(() => system?.stop());

const ask = <T = OrchestrationResponse>(
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
) => system.request<T>(method, path, body, { 'X-API-Key': key.api_key, ...headers });

const body = (overrides: object = {}) => system.body({ tenant_id: 'acme', ...overrides });

/** What is on record of a request, once it is. */
async function recordOf(requestId: string): Promise<Record<string, unknown>> {
  const { rows } = await eventually(
    () =>
      system.db.query<{ record: Record<string, unknown> }>(
        "select record from audit where kind = 'orchestration' and request_id = $1",
        [requestId],
      ),
    ({ rowCount }) => rowCount === 1,
  );
  return rows[0]!.record;
}

async function expectAsked(requestId: string, endpoint: string): Promise<void> {
  expect(await recordOf(requestId)).toMatchObject({ principal: `key:${key.key_id}`, endpoint });
}

const ended = (jobId: string) =>
  eventually(
    async () => (await ask<{ status: string }>('GET', `/orchestrate/status/${jobId}`)).body.status,
    (status) => status === 'completed',
  );

describe('Who asked, and where, is on record of every verdict [A2] [F.14]', () => {
  it('of a call, and of one that the cache answers', async () => {
    const same = body();
    const ran = await ask('POST', '/orchestrate', same);
    const hit = await ask('POST', '/orchestrate', same);
    expect([ran.headers.get('x-cache'), hit.headers.get('x-cache')]).toEqual(['MISS', 'HIT']);
    for (const { body: answer } of [ran, hit]) await expectAsked(answer.request_id, 'POST /orchestrate');
  });

  it('of a job, and of what runs it again', async () => {
    const { body: job } = await ask('POST', '/orchestrate', body({ processing_mode: 'async' }));
    await ended(job.job_id!);
    await expectAsked(job.request_id, 'POST /orchestrate');
    const { body: again } = await ask('POST', `/orchestrate/jobs/${job.job_id}/rerun`, {});
    await ended(again.job_id!);
    await expectAsked(again.request_id, 'POST /orchestrate/jobs/:job_id/rerun');
  });

  it('of each item of a batch', async () => {
    const { body: batch } = await ask<{ results: OrchestrationResponse[] }>(
      'POST',
      '/orchestrate/batch',
      { requests: [body(), body()] },
      { 'Idempotency-Key': randomUUID() },
    );
    expect(batch.results).toHaveLength(2);
    for (const { request_id: id } of batch.results) await expectAsked(id, 'POST /orchestrate/batch');
  });

  it('of each item of a bulk job', async () => {
    const lines = [body(), body()].map((line) => JSON.stringify(line)).join('\n');
    const type = { 'content-type': 'application/x-ndjson' };
    const { body: job } = await ask<BulkJobResponse>('POST', '/orchestrate/bulk', lines, type);
    const { rows } = await eventually(
      () =>
        system.db.query<{ record: object }>(
          `select record from audit where kind = 'orchestration' and record ->> 'processing_mode' = 'bulk'`,
        ),
      ({ rowCount }) => rowCount === 2,
    );
    expect(job.bulk_id).toBeDefined();
    for (const { record } of rows)
      expect(record).toMatchObject({ principal: `key:${key.key_id}`, endpoint: 'POST /orchestrate/bulk' });
  });
});
