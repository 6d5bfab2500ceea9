import { rememberJobs } from '../../../src/activities/remember-jobs';
import { finalAnswer } from '../../../src/activities/answer';
import type { Published } from '../../../src/store/outcomes';
import { ending, member, plan } from './samples';

const verdict = { status: 200, error_code: null, fallback_used: false, fallback_reasons: [] };
const answer = finalAnswer(plan, ending(), verdict, 'job-1', 2000);
const done: Published = { requestId: 'r', jobId: 'job-1', status: 'completed', answer };
const named = ending({ member: { ...member, cache_key: 'name' } });

describe('Publication', () => {
  function remembered(outcome: Published, of = named): unknown[] {
    const kept: unknown[] = [];
    const cache = { remember: async (...args: unknown[]) => void kept.push(args) };
    rememberJobs(cache, { run: { run_id: 'run', facade_id: null }, plan, endings: [of] }, [outcome]);
    return kept;
  }

  it('keeps the answer of a job under the name that its member carries', () => {
    expect(remembered(done)).toEqual([
      [
        'name',
        'acme',
        expect.objectContaining({ answer: expect.objectContaining({ source: member.request_id }) }),
      ],
    ]);
  });

  it.each<[string, Published, typeof named]>([
    ['of a sync request: its facade does', { ...done, jobId: null }, named],
    ['of a member without a name', done, ending()],
    ['that covers too little', { ...done, answer: { ...answer, status: 206 } }, named],
    ['of a job that was cancelled', { ...done, status: 'cancelled', answer: null }, named],
  ])('keeps none %s', (_which, outcome, of) => {
    expect(remembered(outcome, of)).toEqual([]);
  });
});
