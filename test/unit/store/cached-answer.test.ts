import { finalAnswer } from '../../../src/activities/answer';
import type { OrchestrationResponse } from '../../../src/contract/answer';
import {
  cachedAnswerFrom,
  cachedAnswerText,
  filledAnswer,
  KeptAnswer,
  type OwnFields,
} from '../../../src/store/cached-answer';
import { ending, plan } from '../activities/samples';
import { requestId } from '../domain/support';

const verdict = { status: 200, error_code: null, fallback_used: false, fallback_reasons: [] };
const answer = (jobId: string | null = null) => finalAnswer(plan, ending(), verdict, jobId, 2000);
const parsed = (body: Buffer) => JSON.parse(body.toString()) as OrchestrationResponse;

const keptOf = (stored: ReturnType<typeof answer>) => KeptAnswer.of(stored)!.answer;

const own: OwnFields = {
  request_id: '1d3c1c62-8a35-4a0e-9d60-6f6c0a7a6f11',
  job_id: null,
  processing_mode: 'sync',
  total_processing_time_ms: 3,
  fallback_used: true,
  timestamp: '2026-11-21T10:00:00.000Z',
  idempotency_key: 'a "key"',
  correlation_id: 'another',
  fallback_reasons: ['cached_while_unavailable'],
};

describe('An answer that is kept', () => {
  it('is given with fields of its own; all others are as they were, in their order', () => {
    const first = answer();
    const given = filledAnswer(keptOf(first), own);
    expect(given.status).toBe(200);
    expect(parsed(given.body)).toEqual({ ...parsed(first.body), ...own });
    expect(Object.keys(parsed(given.body))).toEqual(Object.keys(parsed(first.body)));
  });

  it('of a job holds nothing of the job', () => {
    const given = filledAnswer(keptOf(answer('job-of-another')), own);
    expect(given.body.toString()).not.toContain('job-of-another');
  });

  it('is the same after it was written and read', () => {
    const cached = keptOf(answer());
    expect(cachedAnswerFrom(cachedAnswerText(cached))).toEqual(cached);
    expect(cached.source).toBe(requestId);
  });

  it('with gaps that nobody knows is refused', () => {
    const stored = { source: 's', text: '{"content":}', gaps: [{ field: 'content', at: 11 }] };
    expect(() => cachedAnswerFrom(JSON.stringify(stored))).toThrow(/gaps/);
  });

  it('has its gaps in the right places whatever letters come before them', () => {
    const { body } = answer();
    const wide = JSON.stringify({ 'Süß 🎈': '漢字 🎈', ...parsed(body), last: 'ende 🎈' });
    const given = filledAnswer(keptOf({ status: 200, body: Buffer.from(wide) }), own);
    expect(parsed(given.body)).toEqual({ ...parsed(Buffer.from(wide)), ...own });
  });
});

it('takes memory of its own, before it is asked for and after', () => {
  const kept = KeptAnswer.of(answer())!;
  expect(kept.size).toBe(answer().body.length);
  const { bytes } = kept.answer;
  expect(kept.size).toBe(bytes.length);
  expect(bytes.buffer.byteLength).toBe(bytes.length);
});

describe('What may not be given to another', () => {
  const changed = (changes: Partial<OrchestrationResponse>, status = 200) => ({
    status,
    body: Buffer.from(JSON.stringify({ ...parsed(answer().body), ...changes })),
  });

  it.each([
    ['a 206', changed({ error_code: 'PARTIAL_COVERAGE' }, 206)],
    ['a 202', changed({}, 202)],
    ['an error', { status: 502, body: Buffer.from('{"error_code":"ALL_DETECTORS_UNAVAILABLE"}') }],
    ['a 200 by a fallback', changed({ fallback_used: true, fallback_reasons: ['secondary_detectors'] })],
    ['a 200 without its mapping', changed({ error_code: 'REQUEST_TIMEOUT' })],
  ])('is not kept: %s', (_what, stored) => {
    expect(KeptAnswer.of(stored)).toBeNull();
  });

  it('is told by fields of the answer, whatever words of others say', () => {
    const words = { fallback_used: false, error_code: null, timestamp: '' };
    const [first] = parsed(answer().body).detector_results;
    const detector_results = [{ ...first!, metadata: words }];
    expect(KeptAnswer.of(changed({ detector_results, fallback_used: true }))).toBeNull();
    const other = [{ ...first!, metadata: { ...words, fallback_used: true } }];
    expect(KeptAnswer.of(changed({ detector_results: other }))).not.toBeNull();
  });
});
