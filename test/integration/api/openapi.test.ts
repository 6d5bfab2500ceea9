import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020';
import { flags, hangs, held, status } from '../../support/fake-detectors';
import { MockUpstream } from '../../support/mock-upstream';
import { beginStoreOutage, endStoreOutage } from '../../support/store-outage';
import { type HttpAnswer, System } from '../../support/system';
import { patience } from '../../support/patience';
import { ended as bulkEnded, upload } from '../bulk/support';
import { calling } from '../callbacks/support';
import { allowListAnswers } from './allow-list-answers';
import { auditAnswers } from './audit-answers';
import { callbackAnswers } from './callback-answers';
import { decisionAnswers } from './decision-answers';
import { identityAnswers, identityEnv } from './identity-answers';
import { keyAnswers } from './key-answers';
import { KeyedCalls } from './keyed-calls';
import { shadowAnswers } from './shadow-answers';
import { simulationAnswers } from './simulation-answers';
import { tenantAnswers } from './tenant-answers';
import { policyAnswers } from './policy-answers';
import { proxyAnswers } from './proxy-answers';
import { contentAnswers } from './content-answers';
import { registryAnswers } from './registry-answers';

const codecToken = 'a codec token of the document';

interface Operation {
  readonly operationId: string;
  readonly responses: Record<string, object>;
  readonly parameters?: readonly { readonly name: string }[];
}
type Operations = Record<string, Operation>;
interface OpenApiDocument {
  readonly openapi: string;
  readonly paths: Record<string, Operations>;
}

const upstream = new MockUpstream();
let system: System;
let document: OpenApiDocument;
let ajv: Ajv2020;
beforeAll(async () => {
  await upstream.listen();
  upstream.answer(200, { 'content-type': 'application/json' }, '{}');
  system = await System.start({
    env: { ...patience, ...identityEnv, ...calling, ORCHESTRATION_SECURITY__CODEC_TOKEN: codecToken },
    mapper: 'real',
    detectors: ['toxicity', 'b'],
    policies: {
      'demo/default': { policy: {} },
      'demo/limited': { policy: { rate_limit_per_minute: 1 } },
      'demo/patient': { policy: { allow_async_conversion: false } },
    },
  });
  document = (await system.request<OpenApiDocument>('GET', '/openapi.json')).body;
  // zod writes each format as a pattern too.
  ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema(document, 'openapi');
});
afterAll(async () => {
  await system?.stop();
  upstream.close();
});
beforeEach(() => system.detectors.reset());

function pointer(...parts: string[]): string {
  return `openapi#/${parts.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1')).join('/')}`;
}

function faultsOf(value: unknown, ref: string): unknown {
  const validate = ajv.compile({ $ref: ref });
  return validate(value) ? [] : validate.errors;
}

const typeOf = ({ headers }: HttpAnswer<unknown>) => headers.get('content-type')!.split(';')[0]!;

/** Asserts that the document foresees the answer's status for the operation, and its body. */
function expectDocumented(
  answer: HttpAnswer<unknown>,
  method: string,
  route: string,
  expected: number,
): void {
  expect(answer.status).toBe(expected);
  const operation = document.paths[route]?.[method];
  const foreseen = Object.keys(operation?.responses ?? {});
  // What an upstream says is its own affair.
  if (route.startsWith('/proxy/') && expected === 200) {
    expect(foreseen).toContain('default');
    return;
  }
  expect(foreseen).toContain(String(expected));
  if (expected === 204) {
    expect([answer.text, operation?.responses['204']]).toEqual(['', { description: expect.any(String) }]);
    return;
  }
  const place = ['paths', route, method, 'responses', String(expected), 'content', typeOf(answer), 'schema'];
  expect(faultsOf(answer.body, pointer(...place))).toEqual([]);
}

function takesKey(operation: Operation | undefined): boolean {
  return operation?.parameters?.some(({ name }) => name === 'Idempotency-Key') ?? false;
}

const post = '/orchestrate';
const batch = '/orchestrate/batch';
const jobRoute = '/orchestrate/status/{job_id}';
const rerunRoute = '/orchestrate/jobs/{job_id}/rerun';
const unknownJob = `job-${randomUUID()}`;

function postBatch(
  overrides: Readonly<Record<string, unknown>>[] = [{}],
  headers: Readonly<Record<string, string>> = {},
): Promise<HttpAnswer<unknown>> {
  const requests = overrides.map((override) => system.body(override));
  return system.request('POST', batch, { requests }, { 'Idempotency-Key': randomUUID(), ...headers });
}

async function endedJob(): Promise<string> {
  const { body } = await system.orchestrate({ processing_mode: 'async' });
  await system.ended(body.job_id!);
  return body.job_id!;
}

/** A re-run is answered for by its job, once that has ended. */
async function rerunTwice(job: () => Promise<string>): Promise<HttpAnswer<unknown>> {
  const route = `/orchestrate/jobs/${await job()}/rerun`;
  const key = { 'Idempotency-Key': randomUUID() };
  const { body } = await system.request<{ job_id: string }>('POST', route, {}, key);
  await system.ended(body.job_id);
  return system.request('POST', route, {}, key);
}

async function heldJob(fields: object = {}): Promise<{ jobId: string; release: () => void }> {
  const { behavior, release } = held(flags('toxic', 0.9));
  system.detectors.behave('b', behavior);
  const { body } = await system.orchestrate({ processing_mode: 'async', ...fields });
  await system.detectors.called('b');
  return { jobId: body.job_id!, release };
}

const bulkRoute = '/orchestrate/bulk/{bulk_id}';

async function endedBulk(): Promise<string> {
  const { body } = await bulk([{}]);
  await bulkEnded(system, body.bulk_id);
  return body.bulk_id;
}

const bulk = (lines: Parameters<typeof upload>[1], headers = {}) => upload(system, lines, headers);

/** Does something to a job whose detectors answer only then. */
async function whileBulkRuns(
  act: (id: string) => Promise<HttpAnswer<unknown>>,
): Promise<HttpAnswer<unknown>> {
  const { behavior, release } = held(flags('toxic', 0.9));
  system.detectors.behave('b', behavior);
  const { body } = await bulk([{}]);
  await system.detectors.called('b');
  return act(body.bulk_id).finally(release);
}

async function text(route: string): Promise<HttpAnswer<unknown>> {
  const response = await fetch(`${system.url}/api/v1${route}`, { headers: { 'x-tenant-id': 'demo' } });
  const body = await response.text();
  return { status: response.status, headers: response.headers, text: body, body };
}

/** At the address that a path with servers of its own has. */
async function atRoot(route: string, sent: unknown, headers = {}): Promise<HttpAnswer<unknown>> {
  const response = await fetch(`${system.url}${route}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(sent),
  });
  const answered = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text: answered,
    body: JSON.parse(answered) as unknown,
  };
}

const decode = (payloads: unknown) =>
  system.request('POST', '/codec/decode', { payloads }, { Authorization: `Bearer ${codecToken}` });

const fms = '/api/v2/text/detection/content';
const litellm = '/beta/litellm_basic_guardrail_api';
const portkey = '/webhooks/portkey';
const input = { input: 'a text' };

async function firstLine(route: string): Promise<HttpAnswer<unknown>> {
  const answer = await text(route);
  return { ...answer, body: JSON.parse(answer.text.split('\n')[0]!) as unknown };
}

/** Every operation of the document, and how each of its answers is come by. */
const answers: [method: string, route: string, status: number, ask: () => Promise<HttpAnswer<unknown>>][] = [
  [
    'post',
    post,
    200,
    async () => {
      system.detectors.behave('toxicity', flags('toxic', 0.9));
      const answer = await system.orchestrate({ metadata: { a: [1, { b: null }] } });
      expect(answer.body.mapping_result).not.toBeNull();
      return answer;
    },
  ],
  ['post', post, 202, () => system.orchestrate({ processing_mode: 'async' })],
  [
    'post',
    post,
    206,
    () => {
      system.detectors.behave('b', status(400));
      return system.orchestrate();
    },
  ],
  ['post', post, 400, () => system.orchestrate({ content: '', extra: 1 })],
  ['post', post, 401, () => system.orchestrate({}, { 'X-API-Key': 'nobody' })],
  ['post', post, 403, () => system.orchestrate({}, { 'X-Tenant-ID': 'other' })],
  ['post', post, 404, () => system.orchestrate({}, { 'Idempotency-Key': unknownJob })],
  [
    'post',
    post,
    408,
    () => {
      system.detectors.behave('toxicity', hangs).behave('b', hangs);
      return system.orchestrate({ policy_bundle: 'patient', priority: 'critical' });
    },
  ],
  [
    'post',
    post,
    409,
    async () => {
      const key = randomUUID();
      await system.orchestrate({}, { 'Idempotency-Key': key });
      return system.orchestrate({}, { 'Idempotency-Key': key });
    },
  ],
  [
    'post',
    post,
    429,
    () => {
      system.detectors.behave('toxicity', status(429)).behave('b', status(429));
      return system.orchestrate();
    },
  ],
  [
    'post',
    post,
    502,
    () => {
      system.detectors.behave('toxicity', status(400)).behave('b', status(400));
      return system.orchestrate();
    },
  ],
  [
    'post',
    batch,
    200,
    () => {
      system.detectors.behave('b', status(400));
      return postBatch([{}, { content: '' }, { processing_mode: 'async' }]);
    },
  ],
  ['post', batch, 400, () => postBatch([])],
  ['post', batch, 401, () => postBatch([{}], { 'X-API-Key': 'nobody' })],
  ['post', batch, 403, () => postBatch([{}, { tenant_id: 'other' }])],
  [
    'post',
    batch,
    409,
    async () => {
      const key = { 'Idempotency-Key': randomUUID() };
      await postBatch([{}], key);
      return postBatch([{}], key);
    },
  ],
  ['get', jobRoute, 200, async () => system.request('GET', `/orchestrate/status/${await endedJob()}`)],
  ['get', jobRoute, 404, () => system.request('GET', `/orchestrate/status/${unknownJob}`)],
  [
    'get',
    jobRoute,
    400,
    () => system.request('GET', `/orchestrate/status/${unknownJob}`, undefined, { 'X-Tenant-ID': '!' }),
  ],
  [
    'delete',
    jobRoute,
    200,
    async () => {
      const { jobId, release } = await heldJob();
      return system.request('DELETE', `/orchestrate/status/${jobId}`).finally(release);
    },
  ],
  ['delete', jobRoute, 404, () => system.request('DELETE', `/orchestrate/status/${unknownJob}`)],
  ['delete', jobRoute, 409, async () => system.request('DELETE', `/orchestrate/status/${await endedJob()}`)],
  [
    'post',
    rerunRoute,
    202,
    async () => system.request('POST', `/orchestrate/jobs/${await endedJob()}/rerun`, {}),
  ],
  ['post', rerunRoute, 200, () => rerunTwice(endedJob)],
  [
    'post',
    rerunRoute,
    206,
    () =>
      rerunTwice(async () => {
        const jobId = await endedJob();
        system.detectors.behave('b', status(400));
        return jobId;
      }),
  ],
  [
    'post',
    rerunRoute,
    400,
    () => system.request('POST', `/orchestrate/jobs/${unknownJob}/rerun`, { extra: 1 }),
  ],
  ['post', rerunRoute, 404, () => system.request('POST', `/orchestrate/jobs/${unknownJob}/rerun`, {})],
  [
    'post',
    rerunRoute,
    409,
    async () => {
      const { jobId, release } = await heldJob();
      return system.request('POST', `/orchestrate/jobs/${jobId}/rerun`, {}).finally(release);
    },
  ],
  ['post', '/orchestrate/bulk', 202, () => bulk([{}, 'no json'])],
  ['post', '/orchestrate/bulk', 400, () => bulk([])],
  ['post', '/orchestrate/bulk', 403, () => bulk([{}], { 'X-Tenant-ID': 'other' })],
  [
    'post',
    '/orchestrate/bulk',
    409,
    async () => {
      const key = { 'Idempotency-Key': randomUUID() };
      await bulk([{}], key);
      return bulk([{}], key);
    },
  ],
  ['get', bulkRoute, 200, async () => system.request('GET', `/orchestrate/bulk/${await endedBulk()}`)],
  ['get', bulkRoute, 404, () => system.request('GET', `/orchestrate/bulk/bulk-${randomUUID()}`)],
  [
    'delete',
    bulkRoute,
    200,
    () => whileBulkRuns((id) => system.request('DELETE', `/orchestrate/bulk/${id}`)),
  ],
  ['delete', bulkRoute, 409, async () => system.request('DELETE', `/orchestrate/bulk/${await endedBulk()}`)],
  [
    'post',
    `${bulkRoute}/pause`,
    200,
    () => whileBulkRuns((id) => system.request('POST', `/orchestrate/bulk/${id}/pause`)),
  ],
  [
    'post',
    `${bulkRoute}/pause`,
    409,
    async () => system.request('POST', `/orchestrate/bulk/${await endedBulk()}/pause`),
  ],
  [
    'post',
    `${bulkRoute}/resume`,
    200,
    () => whileBulkRuns((id) => system.request('POST', `/orchestrate/bulk/${id}/resume`)),
  ],
  [
    'post',
    `${bulkRoute}/resume`,
    409,
    async () => system.request('POST', `/orchestrate/bulk/${await endedBulk()}/resume`),
  ],
  [
    'post',
    `${bulkRoute}/rerun`,
    202,
    async () => {
      system.detectors.behave('b', status(400)).behave('toxicity', status(400));
      return system.request('POST', `/orchestrate/bulk/${await endedBulk()}/rerun`);
    },
  ],
  [
    'post',
    `${bulkRoute}/rerun`,
    409,
    async () => system.request('POST', `/orchestrate/bulk/${await endedBulk()}/rerun`),
  ],
  ['get', `${bulkRoute}/events`, 200, async () => text(`/orchestrate/bulk/${await endedBulk()}/events`)],
  [
    'get',
    `${bulkRoute}/outcomes`,
    200,
    async () => firstLine(`/orchestrate/bulk/${await endedBulk()}/outcomes`),
  ],
  [
    'get',
    `${bulkRoute}/outcomes`,
    400,
    async () => system.request('GET', `/orchestrate/bulk/${await endedBulk()}/outcomes?status=odd`),
  ],
  ['post', '/moderations', 200, () => system.request('POST', '/moderations', input)],
  ['post', '/moderations', 400, () => system.request('POST', '/moderations', { input: [] })],
  ['post', '/moderations', 401, () => system.request('POST', '/moderations', input, { 'X-API-Key': 'x' })],
  [
    'post',
    '/moderations',
    503,
    () => {
      system.detectors.behave('b', status(400));
      return system.request('POST', '/moderations', { input: 'another text' });
    },
  ],
  ['post', fms, 200, () => atRoot(fms, { detectors: { b: {} }, content: 'a text' })],
  ['post', fms, 404, () => atRoot(fms, { detectors: { nobody: {} }, content: 'a text' })],
  ['post', fms, 422, () => atRoot(fms, {})],
  ['post', litellm, 200, () => atRoot(litellm, { input_type: 'request', texts: ['a text'] })],
  ['post', litellm, 400, () => atRoot(litellm, {})],
  ['post', litellm, 401, () => atRoot(litellm, { input_type: 'request' }, { 'x-api-key': 'x' })],
  ['post', portkey, 200, () => atRoot(portkey, {})],
  ['delete', '/cache', 204, () => system.request('DELETE', '/cache?detector=b')],
  ['delete', '/cache', 400, () => system.request('DELETE', '/cache')],
  [
    'delete',
    '/cache',
    403,
    () =>
      system.request('DELETE', '/cache?tenant_id=demo&policy_bundle=default', undefined, {
        'X-Tenant-ID': 'other',
      }),
  ],
  ['post', '/codec/decode', 200, () => decode([])],
  ['post', '/codec/decode', 400, () => decode('none')],
  ['post', '/codec/decode', 401, () => system.request('POST', '/codec/decode', { payloads: [] })],
  ['get', '/detectors', 200, () => system.request('GET', '/detectors?limit=1')],
  ['get', '/detectors', 400, () => system.request('GET', '/detectors?limit=0')],
  [
    'get',
    '/detectors',
    401,
    () => system.request('GET', '/detectors', undefined, { Authorization: 'Bearer x' }),
  ],
  ['get', '/detectors/{name}', 200, () => system.request('GET', '/detectors/b')],
  ['get', '/detectors/{name}', 404, () => system.request('GET', '/detectors/nobody')],
  ['get', '/detectors/{name}/health', 200, () => system.request('GET', '/detectors/b/health')],
  ['get', '/detectors/{name}/health', 404, () => system.request('GET', '/detectors/nobody/health')],
  ...contentAnswers(() => system),
  ...registryAnswers(() => system),
  ...auditAnswers(() => system, text),
  ...decisionAnswers(() => system, text),
  ...callbackAnswers(
    () => system,
    () => upstream.url,
    heldJob,
  ),
  ...policyAnswers(() => system),
  ...identityAnswers(() => system),
  ...tenantAnswers(() => system),
  ...allowListAnswers(() => system),
  ...shadowAnswers(() => system),
  ...simulationAnswers(() => system),
  ...keyAnswers(() => system),
  ...proxyAnswers(
    () => system,
    () => upstream.url,
  ),
  ...(
    [
      ['get', '/circuit-breaker/status'],
      ['get', '/circuit-breaker/endpoints/{endpoint_id}'],
      ['post', '/circuit-breaker/trip/{endpoint_id}'],
      ['post', '/circuit-breaker/reset/{endpoint_id}'],
      ['get', '/health/circuit-breakers'],
      ['get', '/health/circuit-breakers/open'],
      ['get', '/health/status'],
      ['get', '/health/summary'],
      ['get', '/health/endpoints'],
      ['get', '/health/endpoints/{endpoint_id}'],
      ['get', '/health/unhealthy'],
      ['post', '/health/check/{endpoint_id}'],
    ] as const
  ).flatMap(([method, route]): (typeof answers)[number][] => {
    const ask = (id: string) => system.request(method.toUpperCase(), route.replace('{endpoint_id}', id));
    const good: (typeof answers)[number] = [method, route, 200, () => ask('toxicity')];
    return route.includes('{') ? [good, [method, route, 404, () => ask('nobody')]] : [good];
  }),
  ['get', '/health', 200, () => system.request('GET', '/health')],
  ['get', '/health/live', 200, () => system.request('GET', '/health/live')],
  ['get', '/health/ready', 200, () => system.request('GET', '/health/ready')],
];

/** What leaves no record of an operation, and why. */
const leavesNoOperation: Readonly<Record<string, string>> = {
  [`post ${post}`]: 'its record is the decision',
  [`post ${batch}`]: 'its records are the decisions',
  'post /moderations': 'its record is the decision',
  [`post ${fms}`]: 'its record is the decision',
  [`post ${litellm}`]: 'its record is the decision',
  [`post ${portkey}`]: 'its record is the decision',
  'post /policies/validate': 'a question',
  'post /config/validate': 'a question',
  'post /auth/validate': 'a question',
  'post /detectors/{name}/heartbeat': 'a sign of life, every few seconds',
  'post /proxy/{name}/{rest}': 'passed on: the upstream’s affair',
  'put /proxy/{name}/{rest}': 'passed on: the upstream’s affair',
  'delete /proxy/{name}/{rest}': 'passed on: the upstream’s affair',
  'patch /proxy/{name}/{rest}': 'passed on: the upstream’s affair',
};

/** What has been done by the answers above, by request. */
const done: [operation: string, requestId: string][] = [];

const recorded = {
  principal: expect.stringMatching(/^(anonymous|ann|bob|codec-token)$/),
  principal_kind: expect.stringMatching(/^(none|jwt|api_key)$/),
  roles: expect.any(Array),
  address: '127.0.0.0',
  outcome: 'done',
  status: expect.any(Number),
  target: expect.any(Object),
};

/** However parameters are called. */
const shapeOf = (operation: string) =>
  operation
    .toLowerCase()
    .replace(/:\w+/g, '{}')
    .replace(/\{\w+\}/g, '{}');

describe('The OpenAPI document', () => {
  it('is valid OpenAPI 3.1 in which every reference leads somewhere [C]', async () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(await lint(document)).toEqual([]);
  });

  const keyed = new KeyedCalls();
  it.each(answers)('foresees what %s %s answers with %i [C]', async (method, route, expected, ask) => {
    const underKey = expected < 300 && takesKey(document.paths[route]?.[method]);
    const answer = underKey ? await keyed.during(method, route, ask) : await ask();
    expectDocumented(answer, method, route, expected);
    const isReplay = answer.headers.has('idempotency-replayed');
    if (expected < 300 && !isReplay) done.push([`${method} ${route}`, answer.headers.get('x-request-id')!]);
  });

  it('lists nothing that changes something and is not on record, with who and from where [F.14]', async () => {
    const changes = Object.entries(document.paths).flatMap(([route, operations]) =>
      Object.keys(operations)
        .filter((method) => method !== 'get' && method !== 'head')
        .map((method) => `${method} ${route}`),
    );
    expect(Object.keys(leavesNoOperation).filter((name) => !changes.includes(name))).toEqual([]);
    for (const name of changes) {
      const ids = done.filter(([operation]) => operation === name).map(([, id]) => id);
      const { rows } = await system.db.query<{ record: Record<string, unknown> }>(
        `select record from audit where kind = 'operation' and request_id = any($1::uuid[])`,
        [ids],
      );
      const records = rows.map(({ record }) => record);
      if (name in leavesNoOperation) expect([name, records]).toEqual([name, []]);
      else expect([name, records.length]).toEqual([name, ids.length]);
      for (const record of records) {
        expect([name, record]).toEqual([name, expect.objectContaining(recorded)]);
        expect(shapeOf(String(record['action']))).toBe(shapeOf(name));
      }
    }
  });

  it('has every operation that takes an Idempotency-Key replay, refuse another body and free the key of what fails [8.2] [C.5]', () => {
    const listed = Object.entries(document.paths).flatMap(([route, operations]) =>
      Object.entries(operations).flatMap(([method, one]) => (takesKey(one) ? `${method} ${route}` : [])),
    );
    expect([...keyed.shown].toSorted()).toEqual(listed.toSorted());
    expect(listed.length).toBeGreaterThan(40);
  });

  it('foresees the answers of a facade without its store [C]', async () => {
    await beginStoreOutage(system);
    try {
      expectDocumented(await system.orchestrate(), 'post', post, 500);
      const job = await system.request('GET', `/orchestrate/status/${unknownJob}`);
      expectDocumented(job, 'get', jobRoute, 500);
    } finally {
      await endStoreOutage(system);
    }
  });

  it('has been compared with at least one good answer of every operation it lists', () => {
    const listed = Object.entries(document.paths).flatMap(([route, operations]) =>
      Object.keys(operations).map((method) => `${method} ${route}`),
    );
    const compared = answers
      .filter(([, , code]) => code < 300)
      .map(([method, route]) => `${method} ${route}`);
    expect([...new Set(compared)].toSorted()).toEqual(listed.toSorted());
  });

  it('describes batches as the facade takes them', async () => {
    const described = pointer('components', 'schemas', 'BatchOrchestrationRequest');
    const one = system.body();
    for (const sound of [{ requests: [one] }, { requests: [one], async_processing: true, batch_id: 'é' }]) {
      expect(faultsOf(sound, described)).toEqual([]);
    }
    for (const unsound of [
      {},
      { requests: [] },
      { requests: Array.from({ length: 101 }, () => one) },
      { requests: [one], batch_id: 'x'.repeat(65) },
      { requests: [one], extra: 1 },
    ]) {
      expect(faultsOf(unsound, described)).not.toEqual([]);
      const headers = { 'Idempotency-Key': randomUUID() };
      expect((await system.request('POST', batch, unsound, headers)).status).toBe(400);
    }
  });

  const request = pointer('components', 'schemas', 'SentRequest');
  it('describes requests as the facade takes them', () => {
    expect(faultsOf(system.body(), request)).toEqual([]);
    const full = {
      processing_mode: null,
      priority: 'critical',
      metadata: { a: { b: [1, null] } },
      required_detectors: ['b'],
      excluded_detectors: null,
      content: '😀'.repeat(50_000),
    };
    expect(faultsOf(system.body(full), request)).toEqual([]);
  });

  it.each([
    { content: '' },
    { content: '😀'.repeat(50_001) },
    { content: undefined },
    { content_type: 'audio' },
    { tenant_id: 'a b' },
    { policy_bundle: '.x' },
    { environment: 'production' },
    { priority: 5 },
    { metadata: [] },
    { required_detectors: Array.from({ length: 21 }, (_, index) => `d${index}`) },
    { extra: 1 },
  ])('refuses a request with %j, as the facade does', async (overrides) => {
    const body = JSON.parse(JSON.stringify(system.body(overrides))) as object;
    expect(faultsOf(body, request)).not.toEqual([]);
    expect((await system.request('POST', '/orchestrate', body)).status).toBe(400);
  });
});

/** What a linter of the OpenAPI project's specification finds wrong. */
function lint(openApi: object): Promise<unknown> {
  const linter = path.resolve(__dirname, '../../support/lint-openapi.mjs');
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [linter], (error, stdout, stderr) => {
      if (error) reject(new Error(stderr));
      else resolve(JSON.parse(stdout));
    });
    child.stdin!.end(JSON.stringify(openApi));
  });
}
