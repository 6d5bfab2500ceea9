import request from 'supertest';
import type { LitellmResponse } from '../../../../src/contract/facades';
import type { Exhibit, Finding } from '../../../../src/submission/judge';
import { appWith, runId } from '../support';

const clean: Finding = {
  requestId: runId,
  flagged: false,
  signals: [],
  masked: null,
  shortfall: null,
  judgedBy: ['pii'],
  silent: [],
  policyVersion: '1.0',
};
const flagged = (masked: string | null): Finding => ({
  ...clean,
  flagged: true,
  masked,
  signals: [
    {
      detector: 'pii',
      label: 'email',
      category: 'PII.Contact.Email',
      strength: 1,
      start: 0,
      end: 5,
      benign: false,
      flags: true,
    },
  ],
});
const late = { code: 'REQUEST_TIMEOUT', message: 'late', retryable: true, retryAfterSeconds: 1 } as const;

async function ask(parts: object, findingOf: (content: string) => Finding): Promise<LitellmResponse> {
  const judge = async (_bench: unknown, { content }: Exhibit) => findingOf(content);
  const response = await request(await appWith({ facades: { judge: { judge } } }))
    .post('/beta/litellm_basic_guardrail_api')
    .send({ input_type: 'request', ...parts });
  expect(response.status).toBe(200);
  return response.body as LitellmResponse;
}

describe("LiteLLM's guardrail, of texts that can be masked", () => {
  const findingOf = (content: string) => (content === 'a@b.c' ? flagged('[REDACTED]') : clean);
  const blocked = { action: 'BLOCKED', blocked_reason: 'found: PII.Contact.Email' };

  it('gives back all texts in their order, masked where they were flagged', async () => {
    expect(await ask({ texts: ['fine', 'a@b.c', ' '] }, findingOf)).toEqual({
      action: 'GUARDRAIL_INTERVENED',
      blocked_reason: null,
      texts: ['fine', '[REDACTED]', ' '],
    });
  });

  it('blocks where a text cannot be masked, or a tool is flagged', async () => {
    expect(await ask({ texts: ['fine', 'x'] }, () => flagged(null))).toEqual(blocked);
    const tools = [{ type: 'function', function: { description: 'a@b.c' } }];
    expect(await ask({ texts: ['fine'], tools }, findingOf)).toEqual(blocked);
  });

  it('blocks where a part was not judged', async () => {
    const answer = await ask({ texts: ['fine', 'a@b.c'] }, (content) =>
      content === 'fine' ? { ...clean, shortfall: late } : flagged('[REDACTED]'),
    );
    expect(answer).toEqual({ action: 'BLOCKED', blocked_reason: 'not judged: late' });
  });
});
