import { randomUUID } from 'node:crypto';
import { eventually } from '../../support/eventually';
import { docx } from '../../support/documents';
import type { System } from '../../support/system';
import { uploadFile } from '../../support/upload-file';

/** What a tenant has left behind in every room of the house. */
export interface Seeded {
  readonly jobId: string;
  readonly bulkId: string;
  readonly requestId: string;
}

export const seededEnv = (tenants: readonly string[]) => ({
  ORCHESTRATION_CALLBACKS__TENANTS: JSON.stringify(
    tenants.map((tenant_id) => ({ tenant_id, hosts: ['127.0.0.1'], secret_refs: ['env:NO_SUCH_SECRET'] })),
  ),
});

/** A bundle `own` beside `default`, a job with a callback, a bulk job, an upload, an exception, a detector, a simulation. */
export async function seed(
  system: System,
  tenant_id: string,
  credential: Readonly<Record<string, string>> = {},
): Promise<Seeded> {
  const headers = { 'x-tenant-id': tenant_id, ...credential };
  const ask = async <T>(method: string, path: string, body?: unknown, more: object = {}): Promise<T> => {
    const {
      status,
      body: answer,
      text,
    } = await system.request<T>(method, path, body, { ...headers, ...more });
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return answer;
  };
  const policy = (version: string) => ({
    policy: {
      ...{ tenant_id, policy_bundle: 'own', version, required_detectors: ['a'] },
      coverage_calculation: { calculation_method: 'required_set' },
      rate_limit_per_minute: 100_000,
    },
    requires_approval: version !== '1.0',
  });
  await ask('PUT', '/policies/own', policy('1.0'));
  await ask('PUT', '/policies/own', policy('1.1'));
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  await ask('PUT', '/policies/own/shadow', { version: '1.1', expires_at: tomorrow });
  await ask('POST', '/detectors', {
    ...{ name: 'own-detector', version: '1.0', endpoint: system.detectors.url, protocol: 'detectors-api' },
    ...{ tenant_scope: 'own', tenant_id, verify: false },
  });
  const of = (fields: object) => system.body({ tenant_id, policy_bundle: 'own', ...fields });
  const sync = await ask<{ request_id: string; detector_results: { findings: { fingerprint: string }[] }[] }>(
    ...(['POST', '/orchestrate', of({}), { 'Idempotency-Key': randomUUID() }] as const),
  );
  await ask('POST', '/allow-list', {
    fingerprint: sync.detector_results[0]!.findings[0]!.fingerprint,
    ...{ detector: 'a', label: 'seeded', reason: 'a reason of its own', expires_at: tomorrow },
  });
  const callback = { callback_url: 'http://127.0.0.1:9/hook?token=of-its-own' };
  const job = await ask<{ job_id: string }>(
    'POST',
    '/orchestrate',
    of({ processing_mode: 'async', metadata: callback }),
  );
  await eventually(
    () => ask<{ status: string }>('GET', `/orchestrate/status/${job.job_id}`),
    ({ status }) => status === 'completed',
    { withinMs: 60_000 },
  );
  const bulk = await ask<{ bulk_id: string }>('POST', '/orchestrate/bulk', JSON.stringify(of({})), {
    'content-type': 'application/x-ndjson',
  });
  await eventually(
    () => ask<{ completed_at: string | null }>('GET', `/orchestrate/bulk/${bulk.bulk_id}`),
    ({ completed_at }) => completed_at !== null,
    { withinMs: 60_000 },
  );
  const batch = { requests: [of({})] };
  await ask('POST', '/orchestrate/batch', batch, { 'Idempotency-Key': randomUUID() });
  await uploadFile(system, docx([`a letter of ${tenant_id}`]), tenant_id, headers);
  await ask('POST', '/api-keys', { tenant_id, description: 'a key of its own', roles: ['operator'] });
  // What was judged is on record a moment later.
  await eventually(
    () => system.request('POST', '/policies/own/simulate', { version: '1.1' }, headers),
    ({ status }) => status === 202,
  );
  // Of bundles with rules; here are none.
  await system.db.query(
    `insert into policy_decision (decision_id, request_id, tenant_id, policy_bundle, policy_version, policy_digest,
       decision, input_digest, outcome, duration_ms, at)
     values (gen_random_uuid(), $1, $2, 'own', '1.0', 'x', 'selection', 'x', 'decided', 1, now())`,
    [sync.request_id, tenant_id],
  );
  return { jobId: job.job_id, bulkId: bulk.bulk_id, requestId: sync.request_id };
}
