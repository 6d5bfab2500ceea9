import { orchestrationResponseSchema } from '../../../src/contract/answer';
import type { FailureCause } from '../../../src/contract/enums';
import { type Protocol, protocols } from '../../../src/contract/protocols';
import {
  type Behavior,
  breaksOff,
  closes,
  drips,
  FakeDetectors,
  floods,
  hangs,
  raw,
} from '../../support/fake-detectors';
import { forgetful, patience } from '../../support/patience';
import { System } from '../../support/system';

interface Case {
  readonly protocol: Protocol;
  readonly params?: Record<string, string>;
  /** What the fake server knows the call by: its path, or the detector's id. */
  readonly called: string;
  readonly answer: unknown;
  readonly output: string;
  /** How its servers say what is wrong. */
  readonly error: object;
}

const detection = { detection: 'risk', detection_type: 'risk', score: 0.9 };
const attack = { attackDetected: true };
const error = 'scripted';
const ofFms = { code: 0, message: error };
const ofAzure = { error: { code: error, message: error } };
const cases: readonly Case[] = [
  {
    protocol: 'detectors-api',
    called: 'detectors-api',
    answer: [[{ ...detection, start: 0, end: 3 }]],
    output: 'risk',
    error: ofFms,
  },
  {
    protocol: 'conclave',
    called: 'conclave',
    answer: { output: 'risk', confidence: 0.9 },
    output: 'risk',
    error: { message: error },
  },
  {
    protocol: 'http-json',
    called: 'http-json',
    answer: { label: 'risk', score: 0.9 },
    output: 'risk',
    error: { message: error },
  },
  {
    protocol: 'detectors-api-chat',
    called: 'detectors-api-chat',
    answer: [detection],
    output: 'risk',
    error: ofFms,
  },
  {
    protocol: 'detectors-api-generation',
    called: 'detectors-api-generation',
    answer: [detection],
    output: 'risk',
    error: ofFms,
  },
  {
    protocol: 'detectors-api-context',
    called: 'detectors-api-context',
    answer: [detection],
    output: 'risk',
    error: ofFms,
  },
  {
    protocol: 'presidio',
    called: 'analyze',
    answer: [[{ entity_type: 'PERSON', start: 0, end: 3, score: 0.85 }]],
    output: 'PERSON',
    error: { error },
  },
  {
    protocol: 'openai-moderations',
    called: 'v1/moderations',
    answer: { results: [{ flagged: true, categories: { hate: true }, category_scores: { hate: 0.9 } }] },
    output: 'hate',
    error: { error: { message: error, type: error, param: null, code: null } },
  },
  {
    protocol: 'tei',
    called: 'predict',
    answer: [[{ label: 'toxic', score: 0.9 }]],
    output: 'toxic',
    error: { error, error_type: error },
  },
  {
    protocol: 'hf-inference',
    called: 'hf',
    answer: [[{ label: 'toxic', score: 0.9 }]],
    output: 'toxic',
    error: { error },
  },
  {
    protocol: 'llama-guard',
    params: { model: 'guard' },
    called: 'v1/chat/completions',
    answer: { choices: [{ message: { content: 'unsafe\nS10' } }] },
    output: 'hate',
    error: { object: 'error', message: error, type: error },
  },
  {
    protocol: 'llm-guard',
    called: 'scan/prompt',
    answer: { is_valid: false, scanners: { Toxicity: 0.9 } },
    output: 'Toxicity',
    error: { detail: error },
  },
  {
    protocol: 'guardrails-ai',
    params: { guard: 'g' },
    called: 'guards/g/validate',
    answer: { validationPassed: false },
    output: 'validation_failed',
    error: { status: 0, message: error },
  },
  {
    protocol: 'nemo-checks',
    params: { model: 'main', config_id: 'c' },
    called: 'v1/checks',
    answer: { status: 'blocked', rail: 'self_check' },
    output: 'self_check',
    error: { detail: error },
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
    error: ofAzure,
  },
  {
    protocol: 'azure-prompt-shield',
    called: 'contentsafety/text:shieldPrompt?api-version=2024-09-01',
    answer: { userPromptAnalysis: attack },
    output: 'jailbreak',
    error: ofAzure,
  },
  {
    protocol: 'bedrock-guardrail',
    params: { region: 'eu-central-1', guardrail_id: 'gr-1' },
    called: 'guardrail/gr-1/version/DRAFT/apply',
    answer: { action: 'GUARDRAIL_INTERVENED', assessments: [] },
    output: 'guardrail_intervened',
    error: { __type: error, message: error },
  },
  {
    protocol: 'google-dlp',
    params: { project: 'acme' },
    called: 'v2/projects/acme/locations/global/content:inspect',
    answer: { result: { findings: [{ infoType: { name: 'PERSON_NAME' }, likelihood: 'LIKELY' }] } },
    output: 'PERSON_NAME',
    error: { error: { code: 0, status: error, message: error } },
  },
];

const lakera: Case = {
  protocol: 'lakera-guard',
  called: 'v2/guard',
  answer: { flagged: true, breakdown: [] },
  output: 'flagged',
  error: { error },
};
const all = [...cases, lakera];

/** As each family says it: the status, and a body of its own. */
const answers =
  (code: number, headers: Record<string, string> = {}) =>
  ({ error: body }: Case): Behavior =>
  (_call, response) =>
    void response
      .writeHead(code, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify(body));
const faults: readonly [name: string, cause: FailureCause, token: string, of: (each: Case) => Behavior][] = [
  ['500', 'outage', 'http_5xx', answers(500)],
  ['503', 'outage', 'http_5xx', answers(503, { 'retry-after': '3600' })],
  ['closed connections', 'outage', 'network_error', () => closes],
  ['a body that breaks off', 'outage', 'network_error', () => breaksOff],
  ['silence', 'timeout', 'attempt_timeout', () => hangs],
  ['a byte a second', 'timeout', 'attempt_timeout', () => drips(1000)],
  ['504', 'timeout', 'http_5xx', answers(504)],
  ['429', 'overload', 'overloaded', answers(429, { 'retry-after': '3600' })],
  ['401', 'credentials', 'http_4xx', answers(401)],
  ['403', 'credentials', 'http_4xx', answers(403)],
  ['400', 'bad_request', 'http_4xx', answers(400)],
  ['422', 'bad_request', 'http_4xx', answers(422)],
  ['its error with 200', 'unparsable', 'invalid_response', answers(200)],
  ['HTML with 200', 'unparsable', 'invalid_response', () => raw('<html></html>', 'text/html')],
  ['HTML that says it is JSON', 'unparsable', 'invalid_response', () => raw('<html></html>')],
  ['invalid UTF-8', 'unparsable', 'invalid_response', () => raw(Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]))],
  ['NaN', 'unparsable', 'invalid_response', () => raw('[[{"score": NaN}]]')],
  ['more than anyone can keep', 'unparsable', 'invalid_response', () => floods().behavior],
];

/** Where the address in the registration is the whole of it. */
const pathOf: Partial<Record<Protocol, string>> = {
  'hf-inference': '/hf',
  conclave: '/conclave',
  'http-json': '/http-json',
};
const tokenOf = ({ error }: { error: string | null }) => error?.split(':')[0];

describe('A detector of protocol', () => {
  const upstream = new FakeDetectors();
  let system: System;
  beforeAll(async () => {
    const url = await upstream.listen();
    const base = { max_retries: 0, timeout_ms: 4000 };
    system = await System.start({
      parts: ['api'],
      detectors: [
        'steady',
        ...all.map(({ protocol, params = {} }) => ({
          ...base,
          name: protocol,
          protocol,
          params,
          endpoint: `${url}${pathOf[protocol] ?? ''}`,
          ...(protocol === 'http-json' && {
            http: { request: { text: '{{content}}' }, response: { label: '/label', score: '/score' } },
          }),
        })),
      ],
      policies: {
        ...Object.fromEntries(
          all.map(({ protocol }) => [`demo/${protocol}`, { policy: { required_detectors: [protocol] } }]),
        ),
        'demo/all': {
          policy: {
            required_detectors: ['steady', ...all.map(({ protocol }) => protocol)],
            failure_policy: [{ action: 'fail_open' }],
          },
        },
      },
      env: {
        ...patience,
        ...forgetful,
        ORCHESTRATION_ORCHESTRATION__CIRCUIT_BREAKER_FAILURE_THRESHOLD: '1000',
        ORCHESTRATION_ORCHESTRATION__MAX_CONCURRENT_DETECTORS: '30',
      },
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

  it('is tried here, whichever it is', () => {
    expect(all.map(({ protocol }) => protocol).toSorted()).toEqual(protocols.toSorted());
  });

  it.each(faults)(
    'whichever it is, fails for a known cause after %s, and opens nothing when refused',
    async (_name, cause, token, behavior) => {
      for (const each of all) upstream.behave(each.called, behavior(each));
      const { status: code, body } = await ask('all');
      const failed = body.detector_results.filter(({ detector }) => detector !== 'steady');
      expect(
        failed.map(({ detector, ...result }) => [detector, result.failure_cause, tokenOf(result)]),
      ).toEqual(failed.map(({ detector }) => [detector, cause, token]));
      expect(failed).toHaveLength(all.length);
      const opens = cause !== 'credentials';
      expect(body.failure_policy).toHaveLength(all.length);
      expect(new Set(body.failure_policy?.map(({ action }) => action))).toEqual(
        new Set([opens ? 'fail_open' : 'fail_closed']),
      );
      expect([code, body.coverage_achieved]).toEqual([opens ? 200 : 206, 1 / (all.length + 1)]);
    },
  );

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
