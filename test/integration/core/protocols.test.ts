import { orchestrationResponseSchema } from '../../../src/contract/answer';
import type { Protocol } from '../../../src/contract/protocols';
import { FakeDetectors, raw, status } from '../../support/fake-detectors';
import { forgetful, patience } from '../../support/patience';
import { System } from '../../support/system';

interface Case {
  readonly protocol: Protocol;
  readonly params?: Record<string, string>;
  /** What the fake server knows the call by: its path, or the detector's id. */
  readonly called: string;
  readonly answer: unknown;
  readonly output: string;
}

const detection = { detection: 'risk', detection_type: 'risk', score: 0.9 };
const attack = { attackDetected: true };
const cases: readonly Case[] = [
  { protocol: 'detectors-api-chat', called: 'detectors-api-chat', answer: [detection], output: 'risk' },
  {
    protocol: 'detectors-api-generation',
    called: 'detectors-api-generation',
    answer: [detection],
    output: 'risk',
  },
  { protocol: 'detectors-api-context', called: 'detectors-api-context', answer: [detection], output: 'risk' },
  {
    protocol: 'presidio',
    called: 'analyze',
    answer: [[{ entity_type: 'PERSON', start: 0, end: 3, score: 0.85 }]],
    output: 'PERSON',
  },
  {
    protocol: 'openai-moderations',
    called: 'v1/moderations',
    answer: { results: [{ flagged: true, categories: { hate: true }, category_scores: { hate: 0.9 } }] },
    output: 'hate',
  },
  { protocol: 'tei', called: 'predict', answer: [[{ label: 'toxic', score: 0.9 }]], output: 'toxic' },
  { protocol: 'hf-inference', called: 'hf', answer: [[{ label: 'toxic', score: 0.9 }]], output: 'toxic' },
  {
    protocol: 'llama-guard',
    params: { model: 'guard' },
    called: 'v1/chat/completions',
    answer: { choices: [{ message: { content: 'unsafe\nS10' } }] },
    output: 'hate',
  },
  {
    protocol: 'llm-guard',
    called: 'scan/prompt',
    answer: { is_valid: false, scanners: { Toxicity: 0.9 } },
    output: 'Toxicity',
  },
  {
    protocol: 'guardrails-ai',
    params: { guard: 'g' },
    called: 'guards/g/validate',
    answer: { validationPassed: false },
    output: 'validation_failed',
  },
  {
    protocol: 'nemo-checks',
    params: { model: 'main', config_id: 'c' },
    called: 'v1/checks',
    answer: { status: 'blocked', rail: 'self_check' },
    output: 'self_check',
  },
  {
    protocol: 'azure-content-safety',
    called: 'contentsafety/text:analyze?api-version=2024-09-01',
    answer: {
      categoriesAnalysis: ['Hate', 'SelfHarm', 'Sexual', 'Violence'].map((category) => ({
        category,
        severity: 6,
      })),
    },
    output: 'Hate',
  },
  {
    protocol: 'azure-prompt-shield',
    called: 'contentsafety/text:shieldPrompt?api-version=2024-09-01',
    answer: { userPromptAnalysis: attack },
    output: 'jailbreak',
  },
  {
    protocol: 'bedrock-guardrail',
    params: { region: 'eu-central-1', guardrail_id: 'gr-1' },
    called: 'guardrail/gr-1/version/DRAFT/apply',
    answer: { action: 'GUARDRAIL_INTERVENED', assessments: [] },
    output: 'guardrail_intervened',
  },
  {
    protocol: 'google-dlp',
    params: { project: 'acme' },
    called: 'v2/projects/acme/locations/global/content:inspect',
    answer: { result: { findings: [{ infoType: { name: 'PERSON_NAME' }, likelihood: 'LIKELY' }] } },
    output: 'PERSON_NAME',
  },
];

describe('A detector of protocol', () => {
  const upstream = new FakeDetectors();
  let system: System;
  beforeAll(async () => {
    const url = await upstream.listen();
    const base = { max_retries: 0, timeout_ms: 5000 };
    system = await System.start({
      parts: ['api'],
      detectors: [
        ...[...cases, { protocol: 'lakera-guard' as const, params: {} }].map(({ protocol, params = {} }) => ({
          ...base,
          name: protocol,
          protocol,
          params,
          endpoint: protocol === 'hf-inference' ? `${url}/hf` : url,
        })),
      ],
      policies: Object.fromEntries(
        [...cases.map(({ protocol }) => protocol), 'lakera-guard'].map((name) => [
          `demo/${name}`,
          { policy: { required_detectors: [name] } },
        ]),
      ),
      env: { ...patience, ...forgetful },
    });
  });
  beforeEach(() => upstream.reset());
  afterAll(async () => {
    await system?.stop();
    await upstream.close();
  });

  async function ask(
    bundle: string,
    metadata: Record<string, unknown> = { prompt: 'why?', context: 'because' },
  ) {
    const sent = await system.orchestrate({ policy_bundle: bundle, content: 'somebody', metadata });
    return { status: sent.status, body: orchestrationResponseSchema.parse(sent.body) };
  }

  it.each(cases)('$protocol judges in an orchestration', async ({ protocol, called, answer, output }) => {
    upstream.behave(called, raw(JSON.stringify(answer)));
    const { status: code, body } = await ask(protocol);
    expect(body.detector_results).toMatchObject([{ detector: protocol, status: 'success', output }]);
    expect([code, body.coverage_achieved]).toEqual([200, 1]);
  });

  it.each(cases)('$protocol never passes for clean when it refuses us', async ({ protocol, called }) => {
    upstream.behave(called, status(401));
    const sent = await system.orchestrate({
      policy_bundle: protocol,
      content: 'somebody else',
      metadata: { prompt: 'why?', context: 'because' },
    });
    expect([sent.status, sent.body.error_code]).toEqual([502, 'DETECTOR_COMMUNICATION_FAILED']);
  });

  it('lakera-guard covers nothing when it screened a part of a conversation: 206, and what it found', async () => {
    upstream.behave('v2/guard', raw(JSON.stringify({ flagged: true, breakdown: [] })));
    const messages = [{ role: 'user', content: 'hello' }];
    const { status: code, body } = await ask('lakera-guard', { messages });
    expect([code, body.error_code, body.coverage_achieved]).toEqual([206, 'PARTIAL_COVERAGE', 0]);
    expect(body.detector_results[0]).toMatchObject({
      status: 'success',
      output: 'flagged',
      unjudged: [{ reason: 'last_message_only', start: null, end: null, labels: null }],
    });
    const alone = await ask('lakera-guard', {});
    expect([alone.status, alone.body.coverage_achieved]).toEqual([200, 1]);
  });

  it('that needs more than the content says so when it is not there', async () => {
    const sent = await system.orchestrate({ policy_bundle: 'detectors-api-generation', content: 'somebody' });
    expect(sent.status).toBe(502);
    const [result] = (sent.body as unknown as { response: { detector_results: { error: string }[] } })
      .response.detector_results;
    expect(result!.error).toBe('plugin_error: this detector needs metadata.prompt');
    expect(upstream.calls).toHaveLength(0);
  });
});
