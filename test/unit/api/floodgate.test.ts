import request from 'supertest';
import { ConclaveError } from '../../../src/contract/errors';
import { appWith } from './support';

const approach = () => {
  throw new ConclaveError('RATE_LIMITED', 'too much', { detail: 'overloaded', retryAfterSeconds: 2 });
};

async function flood(path: string, type = 'application/json') {
  const asked = jest.fn();
  const app = await appWith({ approach, submit: asked, facades: { judge: { judge: asked } } });
  const response = await request(app)
    .post(path)
    .set('Content-Type', type)
    .serialize((sent) => sent as string)
    .send('{"content":');
  expect(asked).not.toHaveBeenCalled();
  return response;
}

describe('In a flood calls are refused before their bodies are looked at', () => {
  it.each([
    ['/api/v1/orchestrate', 'application/json'],
    ['/api/v1/orchestrate/batch', 'application/json'],
    ['/api/v1/orchestrate/bulk', 'application/x-ndjson'],
  ])('POST %s', async (path, type) => {
    const { status, headers, body } = await flood(path, type);
    expect([status, headers['retry-after'], body.error_code, body.detail]).toEqual([
      403,
      '2',
      'RATE_LIMITED',
      'overloaded',
    ]);
  });

  it("by OpenAI's moderations as OpenAI does it", async () => {
    const { status, headers, body } = await flood('/v1/moderations');
    expect([status, headers['retry-after'], body.error]).toMatchObject([
      429,
      '2',
      { type: 'rate_limit_error', code: 'overloaded' },
    ]);
  });

  it('by FMS with its code and details', async () => {
    const { status, headers, body } = await flood('/api/v2/text/detection/content');
    expect([status, headers['retry-after'], body]).toEqual([429, '2', { code: 429, details: 'too much' }]);
  });

  it('by LiteLLM and Portkey with a verdict: they would let an error pass', async () => {
    const litellm = await flood('/beta/litellm_basic_guardrail_api');
    expect([litellm.status, litellm.body]).toEqual([
      200,
      { action: 'BLOCKED', blocked_reason: 'not judged: too much' },
    ]);
    const portkey = await flood('/webhooks/portkey');
    expect([portkey.status, portkey.body]).toMatchObject([
      200,
      { verdict: false, data: { reason: 'not judged: too much' } },
    ]);
  });
});
