import { guardrailsAi } from '../../../../src/detectors/guardrails-ai';
import { speaking, yes } from './support';

const answer = (validationPassed: boolean, validationSummaries: object[] | null = []) => ({
  callId: '140',
  rawLlmOutput: 'text',
  validatedOutput: 'text',
  validationPassed,
  validationSummaries,
});
const summary = (validatorName: string, validatorStatus: string, more: object = {}) => ({
  validatorName,
  validatorStatus,
  propertyPath: '$',
  failureReason: 'no',
  errorSpans: null,
  ...more,
});

describe('The Guardrails AI adapter', () => {
  const { judge, findings, bodies, paths, itTakesNoOtherAnswer } = speaking(
    'guardrails-ai',
    guardrailsAi,
    '/guards/toxic-guard/validate',
    { guard: 'toxic-guard' },
  );

  it('has the content validated by the guard', async () => {
    await judge(answer(true), { params: { prompt_params: { topic: 'x' }, metadata: { a: 1 } } });
    expect(bodies()).toEqual([
      { llmOutput: 'text', numReasks: 0, promptParams: { topic: 'x' }, metadata: { a: 1 } },
    ]);
    expect(paths()).toEqual(['/guards/toxic-guard/validate']);
  });

  it('finds what validators failed, where they say so', async () => {
    const failed = [
      summary('toxic_language', 'fail', { errorSpans: [{ start: 0, end: 2, reason: 'toxic' }] }),
      summary('competitor_check', 'fail'),
      summary('valid_length', 'pass'),
    ];
    expect(await findings(answer(false, failed))).toEqual([
      { ...yes('toxic_language'), start: 0, end: 2 },
      yes('competitor_check'),
    ]);
  });

  it('finds what a validator fixed, though the answer passed', async () => {
    expect(await findings(answer(true, [summary('detect_pii', 'fail')]))).toEqual([yes('detect_pii')]);
  });

  it('never takes a failed validation for clean', async () => {
    expect(await findings(answer(false, null))).toEqual([yes('validation_failed')]);
  });

  itTakesNoOtherAnswer(
    [
      'a span outside the text',
      answer(false, [summary('a', 'fail', { errorSpans: [{ start: 0, end: 5 }] })]),
    ],
    ['summaries without names', answer(false, [{ validatorStatus: 'fail' }])],
  );
});
