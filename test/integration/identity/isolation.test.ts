import { randomUUID } from 'node:crypto';
import type { AllowListEntry } from '../../../src/contract/allow-list';
import type { CreatedApiKey } from '../../../src/contract/api-keys';
import type { OrchestrationResponse } from '../../../src/contract/answer';
import type { BulkJobResponse } from '../../../src/contract/bulk';
import type { SimulationView } from '../../../src/contract/simulation';
import type { TenantOperation } from '../../../src/contract/tenant-operations';
import { conclave } from '../../support/conclave-command';
import { docx } from '../../support/documents';
import { eventually } from '../../support/eventually';
import { flags, held } from '../../support/fake-detectors';
import { type HttpAnswer, System, testServers } from '../../support/system';
import { uploadFile } from '../../support/upload-file';

type Key = Pick<CreatedApiKey, 'key_id' | 'api_key'>;
type Values = Readonly<Record<string, string>>;

let system: System;
let acme: Key;
let globex: Key;
/** One resource of each kind of the tenant acme, by the parameter of the path that names it. */
let acmes: Values;

/** What nobody has, of the same form. */
const nobodys: Values = {
  job_id: `job-${randomUUID()}`,
  bulk_id: `bulk-${randomUUID()}`,
  request_id: randomUUID(),
  content_ref: `content-${randomUUID()}`,
  entry_id: `fp-${randomUUID()}`,
  key_id: '0123456789abcdef',
  simulation_id: randomUUID(),
  bundle: 'nothing',
  version: '1.0',
  name: 'nothing',
  endpoint_id: 'acme:nothing@1.0',
  path: 'nothing/x',
  rest: 'x',
  tenant_id: 'nobody',
  rotation_id: randomUUID(),
  operation_id: randomUUID(),
  file: 'tenant.ndjson',
};

const tomorrow = new Date(Date.now() + 86_400_000).toISOString();

/** What operations ask for, so that nothing but the id is at fault. */
const bodies: Readonly<Record<string, object>> = {
  splitTraffic: { versions: { '1.0': 100 } },
  reviewPolicyVersion: { decision: 'approve', note: 'fine' },
  rollBackPolicy: { reason: 'a test' },
  putPolicyShadow: { version: '1.1', expires_at: tomorrow },
  simulatePolicy: { version: '1.1' },
  onboardTenant: { name: 'Another' },
};
const queries: Values = { '/policies/{bundle}/diff': '?from=1.0&to=1.1' };

/** What is answered otherwise, and alike, whether something of that name is another tenant's or not there. */
const answeredOtherwise: Readonly<Record<string, number>> = {
  // Each tenant names its policies as it likes; here the body is at fault.
  putPolicy: 400,
  listSimulations: 200,
  debugRoute: 200,
};

beforeAll(async () => {
  system = await System.start({
    detectors: ['a'],
    policies: { 'acme/default': { policy: {} }, 'globex/default': { policy: {} } },
    env: {
      ORCHESTRATION_SECURITY__AUTH_DISABLED: 'false',
      ORCHESTRATION_AUTH__ATTEMPT_LIMIT__MAX: '100000',
      ORCHESTRATION_CALLBACKS__TENANTS: JSON.stringify([
        { tenant_id: 'acme', hosts: ['127.0.0.1'], secret_refs: ['env:NO_SUCH_SECRET'] },
      ]),
    },
  });
  system.detectors.behave('a', flags('acme-label', 0.9));
  const url = new URL(testServers().databaseUrl);
  url.pathname = `/${system.database}`;
  const env = { ORCHESTRATION_DATABASE_URL: url.href, ORCHESTRATION_DATA_DIR: system.dataDir };
  const made = async (whose: string[], role: string): Promise<Key> => {
    const words = ['api-key', 'create', ...whose, '--role', role, '--format', 'json'];
    const key = JSON.parse((await conclave(words, env)).stdout) as Key;
    await eventually(
      async () => (await ask('GET', '/auth/user', key)).status,
      (status) => status === 200,
    );
    return key;
  };
  const adminOf = (tenant: string) => made(['--tenant', tenant], 'tenant_admin');
  [acme, globex] = [await adminOf('acme'), await adminOf('globex')];
  const superAdmin = await made(['--platform'], 'super_admin');
  const record = await ask('PUT', '/tenants/acme', superAdmin, { name: 'The first', tier: 'enterprise' });
  expect([record.status, record.text]).toEqual([200, record.text]);
  acmes = await resourcesOf();
});
afterAll(() => system?.stop());

const header = ({ api_key }: Key) => ({ 'X-API-Key': api_key });

function ask<T = unknown>(
  method: string,
  path: string,
  key: Key,
  body?: unknown,
  headers: Values = {},
): Promise<HttpAnswer<T>> {
  return system.request<T>(method, path, body, { ...header(key), ...headers });
}

const orchestrate = (key: Key, tenant_id: string, overrides: object = {}, headers: Values = {}) =>
  ask<OrchestrationResponse>('POST', '/orchestrate', key, system.body({ tenant_id, ...overrides }), headers);

async function resourcesOf(): Promise<Values> {
  const callback = { metadata: { callback_url: 'http://127.0.0.1:9/acme-hook' } };
  const job = await orchestrate(acme, 'acme', { processing_mode: 'async', ...callback });
  expect(job.status).toBe(202);
  const sync = await orchestrate(acme, 'acme');
  const bulk = await ask<BulkJobResponse>(
    'POST',
    '/orchestrate/bulk',
    acme,
    JSON.stringify(system.body({ tenant_id: 'acme' })),
    { 'content-type': 'application/x-ndjson' },
  );
  const upload = await uploadFile(system, docx(['a letter of acme']), 'acme', header(acme));
  const entry = await ask<AllowListEntry>('POST', '/allow-list', acme, {
    fingerprint: sync.body.detector_results[0]!.findings[0]!.fingerprint,
    ...{ detector: 'a', label: 'acme-label', reason: 'of acme' },
    expires_at: tomorrow,
  });
  const detector = {
    ...{ name: 'acme-detector', version: '1.0', endpoint: system.detectors.url },
    ...{ protocol: 'detectors-api', tenant_scope: 'own', tenant_id: 'acme', verify: false },
  };
  const registered = await ask('POST', '/detectors', acme, detector);
  const policy = (version: string) => ({
    policy: {
      ...{ tenant_id: 'acme', policy_bundle: 'acme-secret', version, required_detectors: ['a'] },
      coverage_calculation: { calculation_method: 'required_set' },
    },
    requires_approval: version !== '1.0',
  });
  const put = await ask('PUT', '/policies/acme-secret', acme, policy('1.0'));
  await ask('PUT', '/policies/acme-secret', acme, policy('1.1'));
  const shadow = await ask('PUT', '/policies/acme-secret/shadow', acme, {
    ...{ version: '1.1', expires_at: tomorrow },
  });
  expect((await orchestrate(acme, 'acme', { policy_bundle: 'acme-secret' })).status).toBe(200);
  // What was judged is on record a moment later.
  const simulation = await eventually(
    () => ask<SimulationView>('POST', '/policies/acme-secret/simulate', acme, { version: '1.1' }),
    ({ status }) => status !== 409,
  );
  const exported = await ask<TenantOperation>('POST', '/tenants/acme/exports', acme);
  await eventually(
    () => ask<TenantOperation>('GET', `/tenants/acme/operations/${exported.body.operation_id}`, acme),
    ({ body }) => body.status === 'completed',
    { withinMs: 60_000 },
  );
  const made = { bulk, upload, entry, registered, put, shadow, simulation };
  for (const [what, { status, text }] of Object.entries(made))
    expect([what, status < 300, text]).toEqual([what, true, text]);
  await system.ended(job.body.job_id!).catch(() => undefined);
  return {
    job_id: job.body.job_id!,
    bulk_id: bulk.body.bulk_id,
    request_id: sync.body.request_id,
    content_ref: upload.body.content_ref,
    entry_id: entry.body.entry_id,
    key_id: acme.key_id,
    simulation_id: simulation.body.simulation_id,
    bundle: 'acme-secret',
    version: '1.0',
    name: 'acme-detector',
    endpoint_id: 'acme:acme-detector@1.0',
    path: 'acme-detector/x',
    rest: 'x',
    tenant_id: 'acme',
    // Of the installation: no tenant has one.
    rotation_id: randomUUID(),
    operation_id: exported.body.operation_id,
    file: 'tenant.ndjson',
  };
}

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly id: string;
  readonly reach: string | undefined;
}

async function operations(): Promise<Operation[]> {
  interface Documented {
    readonly paths: Record<
      string,
      Record<string, { operationId?: string; servers?: object; 'x-reach'?: string }>
    >;
  }
  const { paths } = (await ask<Documented>('GET', '/openapi.json', globex)).body;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { servers }]) => !servers)
      .map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        id: operation.operationId ?? `${method} ${path}`,
        reach: operation['x-reach'],
      })),
  );
}

const named = async () => (await operations()).filter(({ path }) => path.includes('{'));

function at(path: string, values: Values): string {
  return path.replace(/\{(\w+)\}/g, (_whole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`no resource of acme is known as ${name}: add one to this test`);
    return value;
  });
}

/** Without what differs from call to call. */
function sameText(text: string, values: Values): string {
  const volatile = /"(?:request_id|correlation_id|timestamp)":"[^"]*"/g;
  const longestFirst = Object.values(values).toSorted((a, b) => b.length - a.length);
  return longestFirst
    .filter((id) => id.length > 1)
    .reduce((rest, id) => rest.replaceAll(id, '…'), text.replace(volatile, ''));
}

it('No operation tells what is another tenant’s from what is not there [C.9] [F.4]', async () => {
  const differing: unknown[] = [];
  for (const { method, path, id, reach } of await named()) {
    const answers: [number, string][] = [];
    for (const values of [acmes, nobodys]) {
      const body = ['GET', 'HEAD', 'DELETE'].includes(method) ? undefined : (bodies[id] ?? {});
      const { status, text } = await ask(method, `${at(path, values)}${queries[path] ?? ''}`, globex, body);
      answers.push([status, sameText(text, values)]);
    }
    const expected = answeredOtherwise[id] ?? (reach === 'installation' ? 403 : 404);
    const [foreign, absent] = answers;
    if (foreign![0] !== expected || foreign![1] !== absent![1] || absent![0] !== expected)
      differing.push([id, method, path, foreign, absent]);
  }
  expect(differing).toEqual([]);
});

it('What is acme’s is there for acme, also after globex has asked for it in every way', async () => {
  const missing: unknown[] = [];
  for (const { method, path, reach } of await named()) {
    // Detectors of a tenant are not passed on to.
    if (method !== 'GET' || reach === 'installation' || path.startsWith('/proxy/')) continue;
    const gone = new AbortController();
    const response = await fetch(`${system.url}/api/v1${at(path, acmes)}${queries[path] ?? ''}`, {
      headers: header(acme),
      signal: gone.signal,
    });
    if (response.status !== 200) missing.push([path, response.status]);
    gone.abort();
  }
  expect(missing).toEqual([]);
});

it('No list, no search and no sum shows what is another tenant’s [C.9] [F.4]', async () => {
  const lists = (await operations()).filter(({ method, path }) => method === 'GET' && !path.includes('{'));
  expect(lists.length).toBeGreaterThan(15);
  const searches = [
    ...['/registry/endpoints?q=acme', '/registry/endpoints?limit=200&sort=name'],
    ...[
      `/policies/decisions?request_id=${acmes['request_id']}`,
      '/policies/decisions?policy_bundle=acme-secret',
    ],
    ...['/orchestrate/callbacks?status=pending', '/allow-list?detector=a'],
    '/policies/decisions/export?policy_bundle=acme-secret',
  ];
  const shown: string[] = [];
  for (const path of [...lists.map((one) => one.path), ...searches]) {
    const mine = await ask('GET', path, acme);
    if (mine.status === 200 && namesAcmes(mine.text)) shown.push(path);
    const theirs = await ask('GET', path, globex);
    const text = path.startsWith('/audit') ? withoutAttempts(theirs.text) : theirs.text;
    expect([path, theirs.status, namesAcmes(text)]).toEqual([path, mine.status, false]);
  }
  expect(shown).toEqual(
    expect.arrayContaining(['/policies', '/detectors', '/allow-list', '/api-keys', '/orchestrate/callbacks']),
  );
});

/** What globex has tried is on its own record, with the ids that it had guessed. */
function withoutAttempts(text: string): string {
  interface Line {
    readonly kind: string;
    readonly record: { readonly principal: string };
  }
  const isPage = text.startsWith('{"records":');
  const lines = isPage
    ? (JSON.parse(text) as { records: Line[] }).records
    : text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Line);
  const isAttempt = ({ kind }: Line) => kind === 'operation';
  for (const { record } of lines.filter(isAttempt)) expect(record.principal).toBe(`key:${globex.key_id}`);
  return JSON.stringify(lines.filter((line) => !isAttempt(line)));
}

function namesAcmes(text: string): boolean {
  const told = ['job_id', 'bulk_id', 'request_id', 'content_ref', 'entry_id', 'key_id', 'simulation_id'];
  return text.includes('acme') || told.some((name) => text.includes(acmes[name]!));
}

it('Nothing is answered, joined or kept out by what another tenant has sent [C.9] [F.13]', async () => {
  const content = `the same text of both ${randomUUID()}`;
  const cacheOf = ({ headers }: HttpAnswer<unknown>) => headers.get('x-cache');
  expect(cacheOf(await orchestrate(acme, 'acme', { content }))).toBe('MISS');
  expect(cacheOf(await orchestrate(acme, 'acme', { content }))).toBe('HIT');
  expect(cacheOf(await orchestrate(globex, 'globex', { content }))).toBe('MISS');

  const gate = held(flags('acme-label', 0.9));
  const calls = system.detectors.callsOf('a').length;
  system.detectors.behave('a', gate.behavior);
  const inFlight = { content: `another ${content}`, processing_mode: 'sync' };
  const both = [orchestrate(acme, 'acme', inFlight), orchestrate(globex, 'globex', inFlight)];
  await system.detectors.called('a', calls + 2);
  gate.release();
  const [one, two] = await Promise.all(both);
  expect([cacheOf(one!), cacheOf(two!)]).toEqual(['MISS', 'MISS']);
  expect(one!.body.request_id).not.toBe(two!.body.request_id);

  for (const key of [randomUUID(), acmes['request_id']!]) {
    const keyed = { 'Idempotency-Key': key };
    const first = await orchestrate(acme, 'acme', {}, keyed);
    const second = await orchestrate(globex, 'globex', {}, keyed);
    expect([second.status, second.headers.get('idempotency-replayed')]).toEqual([first.status, null]);
    expect(second.body.request_id).not.toBe(first.body.request_id);
  }

  const keyedByJob = async (key: string) => {
    const { status, text } = await orchestrate(globex, 'globex', {}, { 'Idempotency-Key': key });
    return [status, sameText(text, { key })];
  };
  expect(await keyedByJob(acmes['job_id']!)).toEqual(await keyedByJob(nobodys['job_id']!));

  const file = docx([`a letter that both have ${randomUUID()}`]);
  const sent = [await uploadFile(system, file, 'acme', header(acme))];
  sent.push(await uploadFile(system, file, 'globex', header(globex)));
  expect(sent.map(({ status }) => status)).toEqual([201, 201]);
  const byReference = async (content_ref: string) => {
    const referring = { content: null, content_ref, content_type: 'document' };
    const { status, text } = await orchestrate(globex, 'globex', referring);
    return [status, sameText(text, { content_ref })];
  };
  expect(await byReference(acmes['content_ref']!)).toEqual(await byReference(nobodys['content_ref']!));
  expect((await byReference(acmes['content_ref']!))[0]).toBe(404);
});

it('A tenant’s policies and detectors are used for that tenant alone [C.9] [F.4]', async () => {
  const foreign = await orchestrate(globex, 'globex', { policy_bundle: 'acme-secret' });
  expect([foreign.status, (foreign.body as unknown as { error_code: string }).error_code]).toEqual([
    400,
    'POLICY_NOT_FOUND',
  ]);
  const absent = await orchestrate(globex, 'globex', { policy_bundle: 'nothing' });
  expect(sameText(foreign.text, acmes)).toBe(sameText(absent.text, nobodys));
  const listed = await ask<{ detectors: { name: string }[] }>('GET', '/detectors', globex);
  expect(listed.body.detectors.map(({ name }) => name)).toEqual(['a']);
});
