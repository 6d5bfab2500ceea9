import { randomUUID } from 'node:crypto';
import { pdf } from '../../support/documents';
import { findings, raw } from '../../support/fake-detectors';
import { eventually } from '../../support/eventually';
import { MockUpstream } from '../../support/mock-upstream';
import { patience } from '../../support/patience';
import { type HttpAnswer, System } from '../../support/system';
import { uploadFile } from '../../support/upload-file';
import { postBatch } from '../batch/support';
import { ended, outcomesOf, submit } from '../bulk/support';
import { type Hit, needlesFor, newMarks, searchBytes } from './marker-search';

jest.setTimeout(240_000);

const only = (...required_detectors: string[]) => ({ policy: { required_detectors } });
const bearer = { auth_type: 'bearer_token', auth_config: { secret_ref: 'env:MARKED_TOKEN' } } as const;
const capabilities = {
  supported_content_types: ['text', 'document'] as ('text' | 'document')[],
  max_content_length: 50_000,
};

describe('neither content nor a secret is said anywhere [10.2]', () => {
  const content = newMarks();
  /** Of a detector, of an upstream, and of a caller. */
  const secret = newMarks();
  const upstream = new MockUpstream();
  const said: { place: string; bytes: Buffer }[] = [];
  const statuses: Record<string, number | string> = {};
  let system: System;

  beforeAll(async () => {
    await upstream.listen();
    upstream.answer(200, { 'content-type': 'text/plain' }, `an answer about ${content.word}`);
    system = await System.start({
      detectors: [
        { name: 'echo', max_retries: 0, capabilities, ...bearer },
        { name: 'broken', max_retries: 0, capabilities, ...bearer },
      ],
      policies: { 'demo/default': only('echo'), 'demo/failing': only('broken') },
      env: {
        ...patience,
        ORCHESTRATION_LOG_LEVEL: 'trace',
        ORCHESTRATION_FACADES__ANSWER_WITHIN_MS: '15000',
        MARKED_TOKEN: secret.word,
        MARKED_KEY: `key-${secret.word}`,
      },
    });
    system.detectors
      .behave(
        'echo',
        findings((text) => [{ start: 0, end: [...text].length, detection: text, score: 0.9 }]),
      )
      .behave('broken', (call, response) =>
        raw(`no: ${call.body} with ${String(call.headers.authorization)}`, 'text/plain', 500)(call, response),
      );
    await sendAll();
    await askAll();
    await Promise.all(system.parts.map((part) => part.end()));
    for (const part of system.parts)
      said.push({ place: `the log of the ${part.kind}`, bytes: Buffer.from(part.log) });
    const { rows } = await system.db.query<{ row: string }>('select a::text as row from audit a');
    said.push({ place: 'the audit log', bytes: Buffer.from(rows.map(({ row }) => row).join('\n')) });
  });
  afterAll(async () => {
    await system?.stop();
    upstream.close();
  });

  /** Keeps what was answered, where an answer must not repeat what was asked. */
  const heard = <T>(place: string, answer: HttpAnswer<T>): HttpAnswer<T> => {
    const headers = JSON.stringify([...answer.headers]);
    said.push({ place, bytes: Buffer.from(`${headers}\n${answer.text}`) });
    statuses[place] = answer.status;
    return answer;
  };
  const text = () => `${content.word} is what ${content.han} says of ${content.word}, ${randomUUID()}`;
  const facade = async (path: string, body: object, key = 'conclave') => {
    const response = await fetch(`${system.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify(body),
    });
    const answer = await response.text();
    return { status: response.status, headers: response.headers, text: answer, body: answer };
  };

  async function sendAll(): Promise<void> {
    const requestIds: string[] = [];
    const sync = heard('sync', await system.orchestrate({ content: text() }));
    requestIds.push(sync.body.request_id);
    heard('failed', await system.orchestrate({ content: text(), policy_bundle: 'failing' }));
    heard('refused', await system.orchestrate({ content: { [content.word]: content.han } }));
    const job = heard('job', await system.orchestrate({ content: text(), processing_mode: 'async' }));
    await system.ended(job.body.job_id!);
    heard('job status', await system.request('GET', `/orchestrate/status/${job.body.job_id}`));
    heard(
      'batch',
      await postBatch(system, { requests: [system.body({ content: text() }), { content: content.word }] }),
    );
    const bulkId = await submit(system, [{ content: text() }, { content: text(), policy_bundle: 'failing' }]);
    await ended(system, bulkId);
    said.push({ place: 'bulk', bytes: Buffer.from(JSON.stringify(await outcomesOf(system, bulkId))) });
    const uploaded = heard(
      'upload',
      await uploadFile(system, pdf([`a letter in which ${content.word} is named at some length`])),
    );
    const reference = {
      content: undefined,
      content_ref: uploaded.body.content_ref,
      content_type: 'document',
    };
    heard('uploaded', await system.orchestrate(reference));
    heard('bad upload', await uploadFile(system, Buffer.from(`%PDF-1.4 ${content.word}`)));
    heard('moderations', await facade('/v1/moderations', { input: text() }));
    heard('wrong key', await facade('/v1/moderations', { input: text() }, secret.word));
    const detection = { detectors: { echo: {} }, content: text() };
    statuses['fms'] = (await facade('/api/v2/text/detection/content', detection)).status;
    const config = {
      name: 'people',
      url: upstream.url,
      methods: ['POST'],
      auth_type: 'api_key',
      auth_config: { header: 'X-API-Key', secret_ref: 'env:MARKED_KEY' },
    };
    heard('registration', await system.request('POST', '/registry/endpoints', { config, verify: false }));
    const proxied = await fetch(`${system.url}/api/v1/proxy/people/${content.word}?q=${content.word}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret.word}`, cookie: `session=${secret.word}` },
      body: text(),
    });
    statuses['proxied'] = proxied.status;
    const own = { 'X-Tenant-ID': 'demo' };
    heard('explain', await system.request('GET', `/orchestrate/${requestIds[0]}/explain`, undefined, own));
  }

  /** What operators look at. */
  async function askAll(): Promise<void> {
    for (const path of [
      '/metrics',
      '/status',
      '/health',
      '/detectors',
      '/registry/endpoints',
      '/config/endpoints',
      '/circuit-breaker/status',
      '/health/endpoints',
      '/policies/decisions',
      '/router/routes',
    ]) {
      const response = await fetch(`${system.url}/api/v1${path}`, { headers: { 'X-Tenant-ID': 'demo' } });
      said.push({ place: path, bytes: Buffer.from(await response.text()) });
      statuses[path] = response.status;
    }
    await eventually(
      async () => (await fetch(`${system.url}/metrics`)).text(),
      (page) => page.includes('gateway_requests_total{endpoint_id="people"'),
    );
  }

  const hitsOf = (marks: typeof content): Hit[] =>
    said.flatMap(({ place, bytes }) => searchBytes(bytes, needlesFor(marks), place));

  it('though all of it was sent, and reached whom it was for', () => {
    expect(statuses).toMatchObject({
      sync: 200,
      failed: 502,
      refused: 400,
      job: 202,
      'job status': 200,
      batch: 200,
      upload: 201,
      uploaded: 200,
      'bad upload': 400,
      moderations: 200,
      'wrong key': 401,
      fms: 200,
      registration: 201,
      proxied: 200,
      explain: 200,
      '/metrics': 200,
      '/status': 200,
    });
    const calls = system.detectors.calls.filter(({ body }) => body.includes(content.word));
    expect(new Set(calls.map(({ detector }) => detector))).toEqual(new Set(['echo', 'broken']));
    expect(new Set(calls.map(({ headers }) => headers.authorization))).toEqual(
      new Set([`Bearer ${secret.word}`]),
    );
    expect(upstream.seen[0]!.headers['x-api-key']).toBe(`key-${secret.word}`);
  });

  it('is looked for where it would be found', () => {
    const places = said.map(({ place }) => place);
    expect(places).toEqual(
      expect.arrayContaining(['the log of the api', 'the log of the worker', '/metrics']),
    );
    const sizes = said.filter(({ place }) => place.startsWith('the ')).map(({ bytes }) => bytes.length);
    expect(Math.min(...sizes)).toBeGreaterThan(1000);
  });

  it('the content is in no log, metric, audit row, explanation or answer', () => {
    expect(hitsOf(content)).toEqual([]);
  });

  it('the secrets are in none of them either', () => {
    expect(hitsOf(secret)).toEqual([]);
  });
});
