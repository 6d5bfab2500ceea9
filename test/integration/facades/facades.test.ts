import OpenAI from 'openai';
import {
  fmsErrorSchema,
  fmsResponseSchema,
  litellmErrorSchema,
  type LitellmResponse,
  litellmResponseSchema,
  moderationCategories,
  moderationsResponseSchema,
  openAiErrorSchema,
  type PortkeyResponse,
  portkeyResponseSchema,
} from '../../../src/contract/facades';
import { flags, hangs, says, status } from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import { System } from '../../support/system';
import { litellmFms, litellmRequest, litellmResponse, portkeyAfter, portkeyBefore } from './recorded';

const ssn = 'my SSN is 536-90-4399';
const insult = 'you are a stupid worthless idiot';
const clean = 'the weather is fine today';
const key = { authorization: 'Bearer conclave' };
const on = (bundle: string) => ({ 'x-policy-bundle': bundle });

let system: System;
beforeAll(async () => {
  system = await System.start({
    builtins: true,
    detectors: [
      { name: 'frail', max_retries: 0 },
      { name: 'slow', max_retries: 0 },
      { name: 'voter', protocol: 'conclave' },
    ],
    policies: {
      'demo/frail': { policy: { required_detectors: ['toxicity', 'frail'] } },
      'demo/lenient': { policy: { required_detectors: ['toxicity'], optional_detectors: ['frail'] } },
      'demo/slow': { policy: { required_detectors: ['slow'] } },
      'demo/voter': { policy: { required_detectors: ['voter'] } },
      'acme/default': { policy: { required_detectors: ['toxicity'] } },
    },
    env: {
      ...patience,
      ORCHESTRATION_ORCHESTRATION__CIRCUIT_BREAKER_FAILURE_THRESHOLD: '1000',
      ORCHESTRATION_FACADES__ANSWER_WITHIN_MS: '15000',
    },
  });
  // The first request pays for what a process does once.
  await system.orchestrate();
});
afterAll(() => system?.stop());
beforeEach(() => system.detectors.reset());

async function post<T = unknown>(path: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${system.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as T };
}

const audited = async (): Promise<number> => {
  const { rows } = await system.db.query<{ n: number }>(
    "select count(*)::int as n from audit where kind = 'orchestration'",
  );
  return rows[0]!.n;
};

describe('OpenAI moderations, by the openai client', () => {
  const client = (options: ConstructorParameters<typeof OpenAI>[0] = {}) =>
    new OpenAI({ baseURL: `${system.url}/v1`, apiKey: 'conclave', maxRetries: 0, ...options });

  it('judges a string: flagged, with the category that the taxonomy gives the finding', async () => {
    const before = await audited();
    const moderation = await client().moderations.create({ model: 'omni-moderation-latest', input: insult });
    moderationsResponseSchema.parse(moderation);
    expect(moderation.model).toMatch(/^conclave-\d/);
    const [result] = moderation.results;
    expect(result).toMatchObject({ flagged: true, categories: { harassment: true, violence: false } });
    expect(result!.category_scores.harassment).toBeGreaterThan(0.5);
    expect(await audited()).toBe(before + 1);
  });

  it('judges each string of a list by itself, also below /api/v1', async () => {
    const { results } = await client({ baseURL: `${system.url}/api/v1` }).moderations.create({
      input: [clean, insult, ' ', 'what a lovely morning'],
    });
    expect(results.map(({ flagged }) => flagged)).toEqual([false, true, false, false]);
    for (const { categories } of results)
      expect(Object.keys(categories)).toEqual(expect.arrayContaining([...moderationCategories]));
  });

  it('flags what OpenAI has no category for under its own name', async () => {
    const { results } = await client().moderations.create({ input: ssn });
    expect(results[0]).toMatchObject({
      flagged: true,
      categories: { 'PII.Identifier.SSN': true, harassment: false },
      category_applied_input_types: { 'PII.Identifier.SSN': ['text'] },
    });
  });

  it('says which categories nobody looked for', async () => {
    const { results } = await client().moderations.create({ input: clean });
    expect(results[0]!.category_applied_input_types).toMatchObject({
      harassment: ['text'],
      hate: ['text'],
      'self-harm': ['text'],
      'sexual/minors': [],
      illicit: [],
    });
  });

  it('takes parts for one input; an image that no detector of the bundle can see is no clean image', async () => {
    const { results } = await client().moderations.create({
      input: [
        { type: 'text', text: clean },
        { type: 'text', text: insult },
      ],
    });
    expect(results.map(({ flagged }) => flagged)).toEqual([true]);
    const pixel =
      'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
    const image = client({ defaultHeaders: on('strict') }).moderations.create({
      input: [{ type: 'image_url', image_url: { url: pixel } }],
    });
    await expect(image).rejects.toMatchObject({ status: 403, code: 'policy_denied' });
    const remote = client().moderations.create({
      input: [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }],
    });
    await expect(remote).rejects.toMatchObject({ status: 400, code: 'image_not_fetched' });
  });

  it('is an error of the server, not clean, when less was judged than the bundle asks', async () => {
    system.detectors.behave('frail', status(500));
    const partly = client({ defaultHeaders: on('frail') }).moderations.create({ input: `${clean} 1` });
    await expect(partly).rejects.toBeInstanceOf(OpenAI.InternalServerError);
    await expect(partly).rejects.toMatchObject({
      status: 503,
      type: 'server_error',
      code: 'partial_coverage',
    });
  });

  it('flags what a part of the detectors found, whatever the others had said', async () => {
    system.detectors.behave('frail', status(500));
    const { results } = await client({ defaultHeaders: on('frail') }).moderations.create({ input: insult });
    expect(results[0]).toMatchObject({ flagged: true, categories: { harassment: true } });
  });

  it('is an error when nothing was judged', async () => {
    system.detectors.behave('slow', status(503));
    const asked = client({ defaultHeaders: on('slow') }).moderations.create({ input: `${clean} 2` });
    await expect(asked).rejects.toMatchObject({ status: 502, type: 'server_error' });
  });

  it('answers mistakes in its own shape', async () => {
    const wrongKey = client({ apiKey: 'sk-other' }).moderations.create({ input: clean });
    await expect(wrongKey).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    const empty = client().moderations.create({ input: [] });
    await expect(empty).rejects.toBeInstanceOf(OpenAI.BadRequestError);
    await expect(empty).rejects.toMatchObject({ param: 'input', type: 'invalid_request_error' });
    openAiErrorSchema.parse((await post('/v1/moderations', { input: [] })).body);
    const long = client().moderations.create({ input: 'x'.repeat(50_001) });
    await expect(long).rejects.toMatchObject({ status: 400 });
    const nowhere = client({ defaultHeaders: on('nowhere') }).moderations.create({ input: clean });
    await expect(nowhere).rejects.toMatchObject({ status: 400, code: 'policy_not_found' });
  });

  it('judges for the tenant that X-Tenant-ID names, the configured one without it', async () => {
    const { results } = await client({ defaultHeaders: { 'x-tenant-id': 'acme' } }).moderations.create({
      input: ssn,
    });
    expect(results[0]!.flagged).toBe(false);
    const { rows } = await system.db.query(
      "select 1 from audit where tenant_id = 'acme' and kind = 'orchestration'",
    );
    expect(rows).toHaveLength(1);
  });

  it('takes the word of a detector that gives verdicts without spans', async () => {
    system.detectors.behave('voter', says({ output: 'threat', confidence: 0.8 }));
    const { results } = await client({ defaultHeaders: on('voter') }).moderations.create({
      input: `${clean} 3`,
    });
    expect(results[0]).toMatchObject({ flagged: true, categories: { 'harassment/threatening': true } });
    system.detectors.behave('voter', says({ output: 'SAFE', confidence: 0.9 }));
    const { results: safe } = await client({ defaultHeaders: on('voter') }).moderations.create({
      input: `${clean} 4`,
    });
    expect(safe[0]!.flagged).toBe(false);
  });
});

describe('FMS content detection', () => {
  const path = '/api/v2/text/detection/content';

  it('answers the recorded request of LiteLLM with spans in code points, and their text', async () => {
    const plain = await post(path, litellmFms, key);
    expect(plain.status).toBe(200);
    const content = '👩‍🚀 é my SSN is 536-90-4399 😀';
    const { body } = await post(path, { detectors: { pii: {} }, content });
    const { detections } = fmsResponseSchema.parse(body);
    expect(detections).toEqual([
      {
        start: [...content].indexOf('5'),
        end: [...content].indexOf('5') + 11,
        text: '536-90-4399',
        detection: 'ssn',
        detection_type: 'PII.Identifier.SSN',
        detector_id: 'pii',
        score: expect.any(Number) as number,
      },
    ]);
  });

  it('shows only what the detectors that were asked for found, above their threshold', async () => {
    const content = `${insult}, ${ssn}`;
    const both = fmsResponseSchema.parse(
      (await post(path, { detectors: { pii: {}, toxicity: {} }, content })).body,
    );
    expect(new Set(both.detections.map(({ detector_id }) => detector_id))).toEqual(
      new Set(['pii', 'toxicity']),
    );
    const one = fmsResponseSchema.parse(
      (await post(path, { detectors: { pii: { threshold: 1 } }, content })).body,
    );
    expect(one.detections.filter(({ score }) => score < 1)).toEqual([]);
    const none = fmsResponseSchema.parse((await post(path, { detectors: { secrets: {} }, content })).body);
    expect(none).toEqual({ detections: [] });
  });

  it('asks for detectors beyond the bundle', async () => {
    system.detectors.behave('frail', flags('odd', 0.7));
    const { body } = await post(path, { detectors: { frail: {} }, content: 'odd one' }, on('lenient'));
    expect(body).toEqual({
      detections: [
        {
          start: 0,
          end: 7,
          text: 'odd one',
          detection: 'odd',
          detection_type: 'odd',
          detector_id: 'frail',
          score: 0.7,
        },
      ],
    });
  });

  it.each([
    ['one that was asked for', { frail: {} }, {}],
    ['one that only the bundle asks for', { toxicity: {} }, on('frail')],
  ])('is an error when %s does not judge', async (_name, detectors, headers) => {
    system.detectors.behave('frail', status(500));
    const answer = await post(path, { detectors, content: `${clean} 5` }, headers);
    const error = fmsErrorSchema.parse(answer.body);
    expect([answer.status, error.code]).toEqual([503, 503]);
    expect(error.details).toContain('frail');
  });

  it.each([
    ['an unknown detector', { detectors: { nobody: {} }, content: clean }, 404],
    ['no detectors', { detectors: {}, content: clean }, 422],
    ['no content', { detectors: { pii: {} }, content: '' }, 422],
    [
      'parameters that only the registry may set',
      { detectors: { pii: { labels: [] } }, content: clean },
      422,
    ],
    ['what is no JSON', '{', 422],
  ])('refuses %s in its own shape', async (_name, body, expected) => {
    const answer = await post(path, body);
    expect([answer.status, fmsErrorSchema.parse(answer.body).code]).toEqual([expected, expected]);
  });
});

describe("LiteLLM's generic guardrail", () => {
  const path = '/beta/litellm_basic_guardrail_api';
  const ask = async (body: unknown, headers: Record<string, string> = {}) => {
    const answer = await post<LitellmResponse>(path, body, { 'x-api-key': 'conclave', ...headers });
    return { status: answer.status, ...litellmResponseSchema.parse(answer.body) };
  };

  it.each([
    ['request', litellmRequest],
    ['response', litellmResponse],
  ])('lets the recorded %s pass', async (_name, body) => {
    expect(await ask(body)).toEqual({ status: 200, action: 'NONE', blocked_reason: null });
  });

  it.each([
    ['a text', { texts: [clean, ssn] }],
    [
      'the arguments of a tool call',
      { tool_calls: [{ type: 'function', function: { name: 'mail', arguments: `{"body": "${ssn}"}` } }] },
    ],
    ['a tool', { tools: [{ type: 'function', function: { name: 'x', description: ssn } }] }],
  ])('blocks for %s, and says for what, without the content', async (_name, parts) => {
    const answer = await ask({ ...litellmRequest, ...parts });
    expect(answer).toEqual({ status: 200, action: 'BLOCKED', blocked_reason: 'found: PII.Identifier.SSN' });
  });

  it.each([
    ['a part of the detectors fails', 'frail', {}, 'less was judged'],
    ['all detectors fail', 'slow', {}, 'not judged'],
    ['the content is too long', 'default', { texts: ['x'.repeat(50_001)] }, 'not judged'],
    [
      'an image would have to be fetched',
      'default',
      { images: ['https://example.com/a.png'] },
      'not fetched',
    ],
    ['the bundle does not exist', 'nowhere', {}, 'not judged'],
    [
      'there are too many pieces',
      'default',
      { texts: Array.from({ length: 300 }, (_, n) => `text ${n}`) },
      '256',
    ],
  ])('blocks when %s', async (_name, bundle, parts, reason) => {
    system.detectors.behave('frail', status(500)).behave('slow', status(401));
    const answer = await ask({ ...litellmRequest, texts: [`${clean} 6`], ...parts }, on(bundle));
    expect(answer).toMatchObject({ status: 200, action: 'BLOCKED' });
    expect(answer.blocked_reason).toContain(reason);
  });

  it('refuses calls that are not of the protocol, and unknown credentials, with an error', async () => {
    const odd = await post(path, { texts: 'no list' });
    expect(odd.status).toBe(400);
    litellmErrorSchema.parse(odd.body);
    expect((await post(path, litellmRequest, { 'x-api-key': 'other' })).status).toBe(401);
  });
});

describe("Portkey's webhook", () => {
  const path = '/webhooks/portkey';
  const ask = async (body: unknown, headers: Record<string, string> = {}) => {
    const answer = await post<PortkeyResponse>(path, body, { ...key, ...headers });
    return { status: answer.status, ...portkeyResponseSchema.parse(answer.body) };
  };

  it('lets the recorded clean request pass', async () => {
    const answer = await ask(portkeyBefore);
    expect(answer).toMatchObject({ status: 200, verdict: true, data: { reason: null } });
    expect(answer.data.request_ids).toHaveLength(2);
  });

  it('stops the recorded answer with a number in it', async () => {
    expect(await ask(portkeyAfter)).toMatchObject({
      verdict: false,
      data: { reason: 'found: PII.Identifier.SSN', categories: ['PII.Identifier.SSN'] },
    });
  });

  it.each([
    ['a body of another kind', { hello: 1 }],
    ['what is no JSON', '{'],
    ['a call without any text', { ...portkeyBefore, request: { json: { model: 'm' }, text: '' } }],
    [
      'a part that nobody can judge',
      {
        ...portkeyBefore,
        request: {
          json: {
            messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'x' } }] }],
          },
        },
      },
    ],
  ])('never passes %s, and never errs, since Portkey lets pass what errs', async (_name, body) => {
    const answer = await ask(body);
    expect(answer).toMatchObject({ status: 200, verdict: false });
    expect(answer.data.reason).toMatch(/^not judged/);
  });

  it('does not pass what an unknown credential brings', async () => {
    expect(await ask(portkeyBefore, { authorization: 'Bearer other' })).toMatchObject({
      status: 200,
      verdict: false,
    });
  });

  it('answers within 3 s with a detector that hangs: not judged', async () => {
    system.detectors.behave('slow', hangs);
    const from = Date.now();
    const answer = await ask(portkeyBefore, on('slow'));
    expect(Date.now() - from).toBeLessThan(3000);
    expect(answer).toMatchObject({
      status: 200,
      verdict: false,
      data: { reason: expect.stringContaining('not judged') },
    });
  });
});
