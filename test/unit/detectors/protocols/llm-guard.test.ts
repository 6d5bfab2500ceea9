import { llmGuard } from '../../../../src/detectors/llm-guard';
import { item } from '../adapter-support';
import { speaking, whole, yes } from './support';

const answer = (is_valid: boolean, scanners: Record<string, number>) => ({ is_valid, scanners });

describe('The LLM Guard adapter', () => {
  const prompt = speaking('llm-guard', llmGuard, '/scan/prompt');
  const { findings, itTakesNoOtherAnswer } = prompt;

  it('has a prompt scanned', async () => {
    await prompt.judge(answer(true, {}), { params: { scanners_suppress: ['Anonymize'] } });
    expect(prompt.bodies()).toEqual([{ prompt: 'text', scanners_suppress: ['Anonymize'] }]);
    expect(prompt.paths()).toEqual(['/scan/prompt']);
  });

  it('goes by the decision of the service', async () => {
    expect(await findings(answer(true, { Toxicity: 0.7, Anonymize: -1 }))).toEqual([]);
    expect(await findings(answer(false, { Toxicity: 0.9, PromptInjection: 0, TokenLimit: -1 }))).toEqual([
      whole('Toxicity', 0.9),
    ]);
  });

  it('or by a threshold of its own', async () => {
    const params = { threshold: 0.6 };
    expect(await findings(answer(true, { Toxicity: 0.7, BanTopics: 0.5 }), { params })).toEqual([
      whole('Toxicity', 0.7),
    ]);
    expect(await findings(answer(false, { Toxicity: 0.5 }), { params })).toEqual([whole('Toxicity', 0.5)]);
  });

  it('never takes an invalid text for clean, whatever its scores', async () => {
    expect(await findings(answer(false, { Toxicity: 0 }))).toEqual([yes('invalid')]);
    expect(await findings(answer(false, {}))).toEqual([yes('invalid')]);
  });

  itTakesNoOtherAnswer(
    ['scores without a verdict', { scanners: { Toxicity: 0.9 } }],
    ['a verdict without scores', { is_valid: true }],
    ['scores in words', { is_valid: true, scanners: { Toxicity: 'low' } }],
  );
});

describe('The LLM Guard adapter, on outputs', () => {
  const { judge, findings, bodies, paths } = speaking('llm-guard', llmGuard, '/analyze/output', {
    target: 'output',
    api: 'analyze',
  });

  it('sends the prompt that the content answers', async () => {
    const items = [{ ...item('the answer'), metadata: { prompt: 'the question' } }];
    const analyzed = { ...answer(false, { Sensitive: 1 }), sanitized_output: '[REDACTED]' };
    expect(await findings(analyzed, { items })).toEqual([whole('Sensitive', 1)]);
    expect(bodies()).toEqual([{ prompt: 'the question', output: 'the answer', scanners_suppress: [] }]);
    expect(paths()).toEqual(['/analyze/output']);
  });

  it('cannot judge without', async () => {
    await expect(judge(answer(true, {}))).rejects.toMatchObject({ failure: 'plugin_error' });
  });
});
