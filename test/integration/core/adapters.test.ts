import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FakeDetectors, findings, raw } from '../../support/fake-detectors';
import { forgetful, patience } from '../../support/patience';
import { System } from '../../support/system';
import { TokenEndpoint } from '../../support/token-endpoint';

/** Characters of one, two and several code points, so that every unit of length gives another number. */
const content = '👩🏽‍🚀 é e\u0301 — mail bob';
const start = [...content].length - 3;
const end = [...content].length;

const envSecret = `secret-of-${randomUUID()}`;
const fileSecret = `secret-of-${randomUUID()}`;
const traceId = 'a'.repeat(32);

const answers = (body: unknown) => raw(JSON.stringify(body));
const identified = { 'x-correlation-id': 'corr-7', traceparent: `00-${traceId}-${'b'.repeat(16)}-01` };

const httpRequest = {
  input: { text: '{{content}}', kind: '{{content_type}}' },
  meta: ['{{tenant_id}}', '{{request_id}}', 'v1'],
  options: { threshold: 0.5, on: true },
};
const entities = {
  findings: '/result/entities',
  label: '/type',
  score: '/confidence',
  start: '/span/0',
  end: '/span/1',
};
const verdict = { label: '/verdict/label', score: '/verdict/score' };

describe('Adapters', () => {
  const upstream = new FakeDetectors();
  const issuer = new TokenEndpoint();
  const secrets = mkdtempSync(path.join(tmpdir(), 'conclave-secrets-'));
  let system: System;

  beforeAll(async () => {
    const url = await upstream.listen();
    writeFileSync(path.join(secrets, 'token'), `${fileSecret}\n`);
    const fromEnv = 'env:TEST_DETECTOR_SECRET';
    const fromFile = `file:${path.join(secrets, 'token')}`;
    const conclave = (name: string, rest = {}) => ({
      name,
      protocol: 'conclave' as const,
      endpoint: `${url}/${name}`,
      ...rest,
    });
    const http = (name: string, response: object, rest = {}) => ({
      name,
      protocol: 'http-json' as const,
      endpoint: `${url}/${name}`,
      http: { request: httpRequest, response: response as typeof verdict, headers: { 'x-model': 'small' } },
      ...rest,
    });
    system = await System.start({
      parts: ['api'],
      detectors: [
        'steady',
        { name: 'fms', detector_id: 'granite', params: { threshold: 0.25 } },
        conclave('own'),
        conclave('own-percent', { score_normalization: { method: 'percent' } }),
        conclave('own-boolean', { score_normalization: { method: 'boolean' } }),
        http('http-findings', { ...entities, offsets: 'utf16' }),
        http('http-bytes', { ...entities, offsets: 'bytes' }),
        http('http-verdict', verdict, { score_normalization: { method: 'min_max', min: 0, max: 7 } }),
        { name: 'fms-sigmoid', score_normalization: { method: 'sigmoid' } },
        conclave('with-api-key', { auth_type: 'api_key', auth_config: { secret_ref: fromEnv } }),
        conclave('with-header', {
          auth_type: 'api_key',
          auth_config: { header: 'X-Own-Key', secret_ref: fromFile },
        }),
        conclave('with-bearer', { auth_type: 'bearer_token', auth_config: { secret_ref: fromFile } }),
        conclave('with-basic', {
          auth_type: 'basic_auth',
          auth_config: { username_ref: fromEnv, password_ref: fromFile },
        }),
        conclave('with-oauth2', {
          auth_type: 'oauth2',
          auth_config: {
            token_url: await issuer.listen(),
            client_id_ref: fromEnv,
            client_secret_ref: fromFile,
            scope: 'judge',
          },
        }),
      ],
      policies: {
        'demo/default': { policy: { required_detectors: ['steady'] } },
      },
      env: { ...patience, ...forgetful, TEST_DETECTOR_SECRET: envSecret },
    });
  });
  beforeEach(() => {
    upstream.reset();
    system.detectors.reset();
  });
  afterAll(async () => {
    await system?.stop();
    await upstream.close();
    issuer.close();
    rmSync(secrets, { recursive: true });
  });

  async function ask(detector: string, overrides: Readonly<Record<string, unknown>> = {}) {
    const sent = await system.orchestrate(
      { content, required_detectors: [detector], ...overrides },
      identified,
    );
    return { ...sent, result: sent.body.detector_results.find((result) => result.detector === detector)! };
  }

  function callOf(server: FakeDetectors, name: string) {
    const [call] = server.callsOf(name);
    return { headers: call!.headers, body: JSON.parse(call!.body) as Record<string, unknown> };
  }

  describe('detectors-api', () => {
    it('sends contents and parameters, and names detector, tenant and trace [3]', async () => {
      const { status: code, body } = await ask('fms');
      expect(code).toBe(200);
      const call = callOf(system.detectors, 'granite');
      expect(call.body).toEqual({ contents: [content], detector_params: { threshold: 0.25 } });
      expect(call.headers).toMatchObject({
        'detector-id': 'granite',
        'content-type': 'application/json',
        'x-tenant-id': 'demo',
        'x-request-id': body.request_id,
        'x-correlation-id': 'corr-7',
        'idempotency-key': expect.stringMatching(/^[\w-]+:fms:[0-9a-f]{32}$/) as string,
      });
      expect(call.headers.traceparent).toContain(traceId);
    });

    it('keeps spans in code points, whatever stands before them', async () => {
      system.detectors.behave(
        'granite',
        findings(() => [{ start, end, detection: 'person', score: 0.75 }]),
      );
      const { result } = await ask('fms');
      expect(result).toMatchObject({
        output: 'person',
        confidence: 0.75,
        metadata: { raw_confidence: 0.75, attempts: 1 },
        findings: [{ label: 'person', raw_strength: 0.75, strength: 0.75, start, end }],
      });
      expect([...content].slice(start, end).join('')).toBe('bob');
    });

    it('brings a score on a scale of its own into [0, 1] and keeps the raw one [7.1]', async () => {
      system.detectors.behave(
        'fms-sigmoid',
        findings(() => [{ start: 0, end: 1, detection: 'toxic', score: 2 }]),
      );
      const { result } = await ask('fms-sigmoid');
      expect(result.confidence).toBeCloseTo(1 / (1 + Math.exp(-2)), 6);
      expect(result.metadata).toMatchObject({ raw_confidence: 2 });
    });
  });

  describe('conclave', () => {
    it('sends one content with its metadata and the key of the contract [3]', async () => {
      upstream.behave('own', answers({ output: 'clean', confidence: 0.6 }));
      const { status: code, body } = await ask('own', { metadata: { source: 'chat', turn: 3 } });
      expect(code).toBe(200);
      const call = callOf(upstream, 'own');
      expect(call.body).toEqual({
        request_id: body.request_id,
        content,
        content_type: 'text',
        metadata: { source: 'chat', turn: 3 },
      });
      expect(call.headers).toMatchObject({
        'x-tenant-id': 'demo',
        'x-request-id': body.request_id,
        'x-correlation-id': 'corr-7',
        'idempotency-key': `${body.request_id}:own`,
      });
      expect(call.headers.traceparent).toContain(traceId);
    });

    it('takes output, scores and version, scales the scores, and redacts the metadata [7.1]', async () => {
      upstream.behave(
        'own-percent',
        answers({
          output: ' toxic ',
          confidence: 87,
          scores: { toxic: 87, hate: 12 },
          metadata: { note: 'ask bob@example.com' },
          detector_version: '7.1',
        }),
      );
      const { body, result } = await ask('own-percent');
      expect(result).toMatchObject({
        status: 'success',
        output: 'toxic',
        confidence: 0.87,
        metadata: { raw_confidence: 87, detector_version: '7.1', note: 'ask [REDACTED:EMAIL]' },
      });
      expect(body.aggregated_payload?.metadata['normalized_scores']).toEqual({
        clean: 0.6,
        hate: 0.12,
        toxic: 0.87,
      });
    });

    it('reads a verdict that is a boolean [7.1]', async () => {
      upstream.behave('own-boolean', answers({ output: 'flagged', confidence: true }));
      const { result } = await ask('own-boolean');
      expect(result).toMatchObject({ output: 'flagged', confidence: 1, metadata: { raw_confidence: true } });
    });

    it.each([
      ['no output', { confidence: 0.9 }],
      ['a blank output', { output: '  ' }],
      ['an output that is no text', { output: 7 }],
      ['a confidence that is no number', { output: 'clean', confidence: 'high' }],
      ['a list', [{ output: 'clean' }]],
    ])('%s is invalid_response, never clean', async (_name, body) => {
      upstream.behave('own', answers(body));
      const { result } = await ask('own');
      expect(result).toMatchObject({ status: 'failed', output: null });
      expect(result.error).toMatch(/^invalid_response\b/);
    });
  });

  describe('http-json', () => {
    const found = (span: [number, number], confidence: unknown = 0.9) =>
      answers({ result: { entities: [{ type: 'PERSON', confidence, span }] } });

    it('sends the declared body with the request filled in, and the declared headers [3]', async () => {
      upstream.behave('http-findings', answers({ result: { entities: [] } }));
      const { status: code, body, result } = await ask('http-findings');
      expect([code, result.output]).toEqual([200, 'clean']);
      const call = callOf(upstream, 'http-findings');
      expect(call.body).toEqual({
        input: { text: content, kind: 'text' },
        meta: ['demo', body.request_id, 'v1'],
        options: { threshold: 0.5, on: true },
      });
      expect(call.headers).toMatchObject({
        'x-model': 'small',
        'x-tenant-id': 'demo',
        'idempotency-key': `${body.request_id}:http-findings`,
      });
    });

    it.each([
      ['http-findings', 'UTF-16 units', content.length],
      ['http-bytes', 'bytes', Buffer.byteLength(content)],
    ])('%s: reads findings at the declared places, spans in %s', async (name, _unit, length) => {
      upstream.behave(name, found([length - 3, length]));
      const { result } = await ask(name);
      expect(result).toMatchObject({ output: 'PERSON', confidence: 0.9, findings: [{ start, end }] });
    });

    it('reads a single verdict on a scale of its own [7.1]', async () => {
      upstream.behave('http-verdict', answers({ verdict: { label: 'violence', score: 3.5 } }));
      const { result } = await ask('http-verdict');
      expect(result).toMatchObject({
        output: 'violence',
        confidence: 0.5,
        metadata: { raw_confidence: 3.5 },
      });
    });

    it.each([
      ['no list of findings', 'http-findings', answers({ result: {} })],
      ['a finding without a label', 'http-findings', answers({ result: { entities: [{ span: [0, 1] }] } })],
      ['a span outside the text', 'http-findings', found([0, content.length + 1])],
      ['a span that ends before it begins', 'http-findings', found([3, 0])],
      ['a span inside a character', 'http-bytes', found([0, 1])],
      ['no label', 'http-verdict', answers({ verdict: { score: 3 } })],
    ])('%s is invalid_response, never clean', async (_name, detector, behavior) => {
      upstream.behave(detector, behavior);
      const { result } = await ask(detector);
      expect(result).toMatchObject({ status: 'failed', output: null, findings: [] });
      expect(result.error).toMatch(/^invalid_response\b/);
    });
  });

  describe('authentication', () => {
    const basic = Buffer.from(`${envSecret}:${fileSecret}`).toString('base64');
    it.each([
      ['with-api-key', 'x-api-key', envSecret],
      ['with-header', 'x-own-key', fileSecret],
      ['with-bearer', 'authorization', `Bearer ${fileSecret}`],
      ['with-basic', 'authorization', `Basic ${basic}`],
      ['with-oauth2', 'authorization', 'Bearer token-1'],
      // Not 'own': its breaker opened over the invalid responses above.
      ['own-percent', 'authorization', undefined],
    ])('%s: the secret behind the reference reaches the detector [3.1]', async (name, header, value) => {
      upstream.behave(name, answers({ output: 'clean' }));
      const { status: code } = await ask(name);
      expect(code).toBe(200);
      expect(callOf(upstream, name).headers[header]).toBe(value);
    });

    it('the secrets are in no log, answer or registry read [3.1]', async () => {
      const { text } = await system.request('GET', '/detectors');
      expect(text).toContain('with-api-key');
      for (const secret of [envSecret, fileSecret, basic, 'Bearer token-']) {
        expect(text).not.toContain(secret);
        for (const part of system.parts) expect(part.log).not.toContain(secret);
      }
      expect(text).not.toContain('TEST_DETECTOR_SECRET');
    });
  });
});
