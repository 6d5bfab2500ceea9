import { finalAnswer } from '../../../src/activities/answer';
import type { ErrorResponse, OrchestrationResponse } from '../../../src/contract/answer';
import { errorResponseSchema, orchestrationResponseSchema } from '../../../src/contract/answer';
import type { OutcomeVerdict } from '../../../src/domain/outcome';
import { onWire } from '../../../src/domain/on-wire';
import { acceptedAnswer } from '../../../src/submission/answers';
import { failure, finding, success } from '../domain/support';
import { ending, mappingResponse, member, plan } from './samples';

const fine: OutcomeVerdict = { status: 200, error_code: null, fallback_used: false, fallback_reasons: [] };
const long = 0.123456789;

function read<T>({ body }: { body: Buffer }): T {
  return JSON.parse(body.toString()) as T;
}

describe('The final answer', () => {
  it('shows scores with six decimals, raw values as they came, and the mapping untouched', () => {
    const results = [
      success('a', 'toxic', long, { metadata: { raw_confidence: long }, findings: [finding('toxic', long)] }),
      success('b', 'toxic', null),
    ];
    const mapping = { kind: 'mapped', response: { ...mappingResponse, confidence: long } } as const;
    const answer = read<OrchestrationResponse>(
      finalAnswer(plan, ending({ mapping }, results), fine, null, 1500),
    );
    expect(answer.detector_results[0]).toMatchObject({
      confidence: 0.123457,
      metadata: { raw_confidence: long },
      findings: [{ strength: 0.123457, raw_strength: long }],
    });
    expect(answer.detector_results[1]?.confidence).toBeNull();
    expect(answer.mapping_result?.confidence).toBe(long);
    expect(orchestrationResponseSchema.safeParse(answer).error).toBeUndefined();
    // The domain keeps computing with what the detector sent.
    expect(results[0]?.confidence).toBe(long);
  });

  it('so does the 202 of a job', () => {
    const known = [success('a', 'toxic', long)];
    const waiting = { ...member, content: '', metadata: null, prior_results: [] };
    const answer = read<OrchestrationResponse>(acceptedAnswer(plan, waiting, 'job-1', known, 1500));
    expect(answer.detector_results[0]?.confidence).toBe(0.123457);
  });

  it('names the mapper’s versions beside our own', () => {
    const version_info = { taxonomy: '9', frameworks: '8', model: 'm', orchestrator: 'x' };
    const mapping = { kind: 'mapped', response: { ...mappingResponse, version_info } } as const;
    const answer = read<OrchestrationResponse>(finalAnswer(plan, ending({ mapping }), fine, null, 1500));
    expect(answer.version_info).toEqual({
      taxonomy: '9',
      frameworks: '8',
      model: 'm',
      orchestrator: '0.1.0',
      policy: 'default:1.2',
    });
  });

  it('of a failure is the error body with the partial answer in it', () => {
    const results = [failure('a', 'overloaded'), failure('b', 'overloaded')];
    const failed = ending({ payload: null }, results);
    const verdict = { ...fine, status: 429, error_code: 'DETECTOR_OVERLOADED', fallback_used: true } as const;
    const { status, body } = finalAnswer(plan, failed, verdict, null, 1500);
    const answer = read<ErrorResponse>({ body });
    expect(status).toBe(429);
    expect(errorResponseSchema.safeParse(answer).error).toBeUndefined();
    expect(answer).toMatchObject({
      error_code: 'DETECTOR_OVERLOADED',
      retryable: true,
      fallback_used: true,
      retry_after_seconds: 1,
      response: { detectors_failed: 2, total_processing_time_ms: 500, aggregated_payload: null },
    });
  });

  it('of a job names the job, and stands for its key', () => {
    const answer = read<OrchestrationResponse>(finalAnswer(plan, ending(), fine, 'job-7', 1500));
    expect(answer).toMatchObject({ job_id: 'job-7', processing_mode: 'async', idempotency_key: 'job-7' });
  });
});

describe('onWire', () => {
  it('never leaves [0, 1]', () => {
    const edges = [success('a', 'x', 1 - 1e-12), success('b', 'x', 1e-12)];
    expect(onWire(edges).map(({ confidence }) => confidence)).toEqual([1, 0]);
  });
});
