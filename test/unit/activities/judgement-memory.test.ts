import { JudgementMemory, type Question } from '../../../src/activities/judgement-memory';
import type { PlannedDetector } from '../../../src/contract/plan';
import { failure, planned, success } from '../domain/support';

const detector = planned('a', { fallback: { strategy: 'cached', max_age_seconds: 60 } });
const question: Question = {
  tenantId: 'acme',
  tenantKey: Buffer.from('key of acme'),
  contentType: 'text',
  detector,
  member: { content: 'a text', metadata: { source: 'chat' } },
};
const calledWith = (call: Partial<PlannedDetector['call']>): Pick<Question, 'detector'> => ({
  detector: { ...detector, call: { ...detector.call, ...call } },
});

describe('JudgementMemory', () => {
  let now: number;
  let memory: JudgementMemory;
  beforeEach(() => {
    now = 1000;
    memory = new JudgementMemory(() => now);
  });

  it('recalls what was said of the same, with its age, as long as it is allowed to', () => {
    const result = success('a', 'toxic');
    memory.keep(question, result);
    now += 60_000;
    expect(memory.recall(question)).toEqual({ result, ageSeconds: 60 });
    now += 1;
    expect(memory.recall(question)).toBeNull();
  });

  it.each<[string, Partial<Question>]>([
    ['tenant', { tenantId: 'other' }],
    ['tenant’s key', { tenantKey: Buffer.from('key of another') }],
    ['content type', { contentType: 'code' }],
    ['content', { member: { ...question.member, content: 'a text.' } }],
    ['metadata', { member: { ...question.member, metadata: null } }],
    ['version', { detector: { ...detector, version: '2.0' } }],
    ['address', calledWith({ endpoint: 'http://127.0.0.1/other' })],
    ['credential', calledWith({ auth_type: 'bearer_token', auth_config: { secret_ref: 'env:OTHER' } })],
    ['parameter', calledWith({ params: { threshold: 1 } })],
  ])('knows nothing of another %s', (_what, other) => {
    memory.keep(question, success('a', 'toxic'));
    expect(memory.recall({ ...question, ...other })).toBeNull();
  });

  it('forgets by itself what it may not tell any more', () => {
    jest.useFakeTimers();
    try {
      const kept = new JudgementMemory(() => Date.now());
      kept.keep(question, success('a', 'toxic'));
      expect(jest.getTimerCount()).toBe(1);
      jest.advanceTimersByTime(61_000);
      expect(jest.getTimerCount()).toBe(0);
      expect(kept.recall(question)).toBeNull();
    } finally {
      jest.useRealTimers();
    }
  });

  it('makes no copy of a content to know it again', () => {
    const written = jest.spyOn(JSON, 'stringify');
    memory.keep(question, success('a', 'toxic'));
    const texts = written.mock.results.map(({ value }) => value as string);
    written.mockRestore();
    expect(texts).not.toEqual([]);
    expect(texts.join()).not.toContain('a text');
  });

  it('tells halves of characters apart', () => {
    const about = (content: string) => ({ ...question, member: { ...question.member, content } });
    memory.keep(about('\ud800'), success('a', 'toxic'));
    expect(memory.recall(about('\udc00'))).toBeNull();
    expect(memory.recall(about('\ud800'))).not.toBeNull();
  });

  it('keeps judgements of the whole only, and none that stood in for one', () => {
    const unjudged = [{ reason: 'truncated' as const, start: null, end: null, labels: null }];
    const stand_in = {
      strategy: 'redirect' as const,
      for: ['a'],
      cause: 'outage' as const,
      error: 'http_5xx',
      age_seconds: null,
    };
    memory.keep(question, failure('a', 'http_5xx'));
    memory.keep(question, success('a', 'toxic', 0.9, { unjudged }));
    memory.keep(question, success('a', 'toxic', 0.9, { stand_in }));
    expect(memory.recall(question)).toBeNull();
  });

  it('keeps nothing of detectors that do not ask for it', () => {
    const plain = { ...question, detector: planned('a') };
    memory.keep(plain, success('a', 'toxic'));
    expect(memory.recall(plain)).toBeNull();
  });
});
