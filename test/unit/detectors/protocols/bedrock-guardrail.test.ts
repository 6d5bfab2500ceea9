import type { DetectorAdapter } from '../../../../src/detectors/adapter';
import { bedrockGuardrail } from '../../../../src/detectors/bedrock-guardrail';
import type { DetectorHttpClient, JsonCall } from '../../../../src/detectors/http-client';
import { item, upstream } from '../adapter-support';
import { speaking, whole, yes } from './support';

const path = '/guardrail/gr-1/version/DRAFT/apply';
const guardrail = { region: 'eu-central-1', guardrail_id: 'gr-1' };

function answer(assessment: object, more: object = {}) {
  return {
    usage: { topicPolicyUnits: 1 },
    action: 'GUARDRAIL_INTERVENED',
    actionReason: 'Guardrail blocked.',
    outputs: [{ text: 'no' }],
    assessments: [
      {
        ...assessment,
        invocationMetrics: {
          guardrailProcessingLatency: 300,
          usage: {},
          guardrailCoverage: { textCharacters: { guarded: 4, total: 4 } },
        },
      },
    ],
    guardrailCoverage: { textCharacters: { guarded: 4, total: 4 } },
    ...more,
  };
}
const clean = answer({}, { action: 'NONE' });

describe('The Bedrock guardrail adapter', () => {
  const { judge, findings, unjudged, bodies, paths, server, itTakesNoOtherAnswer } = speaking(
    'bedrock-guardrail',
    bedrockGuardrail,
    path,
    guardrail,
  );

  it('applies the guardrail to the content', async () => {
    await judge(clean, {
      params: { source: 'OUTPUT', qualifiers: ['guard_content'], output_scope: 'FULL' },
    });
    await judge(clean);
    expect(bodies()).toEqual([
      {
        source: 'OUTPUT',
        content: [{ text: { text: 'text', qualifiers: ['guard_content'] } }],
        outputScope: 'FULL',
      },
      { source: 'INPUT', content: [{ text: { text: 'text' } }], outputScope: 'INTERVENTIONS' },
    ]);
    expect(paths()).toEqual([path, path]);
    expect(server.calls[0]!.headers.authorization).toBeUndefined();
  });

  it('finds what every policy found', async () => {
    const found = await findings(
      answer({
        topicPolicy: { topics: [{ name: 'Investments', type: 'DENY', action: 'BLOCKED', detected: true }] },
        contentPolicy: {
          filters: [
            { type: 'HATE', confidence: 'HIGH', filterStrength: 'LOW', action: 'BLOCKED', detected: true },
            { type: 'VIOLENCE', confidence: 'LOW', filterStrength: 'HIGH', action: 'BLOCKED' },
          ],
        },
        wordPolicy: {
          customWords: [{ match: 'tex', action: 'BLOCKED' }],
          managedWordLists: [{ match: 'xt', type: 'PROFANITY', action: 'BLOCKED' }],
        },
        sensitiveInformationPolicy: {
          piiEntities: [{ type: 'NAME', match: 'gone', action: 'ANONYMIZED' }],
          regexes: [{ name: 'ticket', regex: 't+', match: 't', action: 'BLOCKED' }],
        },
        contextualGroundingPolicy: {
          filters: [
            { type: 'GROUNDING', threshold: 0.7, score: 0.25, action: 'BLOCKED' },
            { type: 'RELEVANCE', threshold: 0.5, score: 0.9, action: 'NONE' },
          ],
        },
      }),
    );
    expect(found).toEqual([
      yes('Investments'),
      whole('HATE', 3, { strength: 0.95, level: 'HIGH' }),
      whole('VIOLENCE', 1, { strength: 0.4, level: 'LOW' }),
      { ...yes('custom_word'), start: 0, end: 3 },
      { ...yes('PROFANITY'), start: 2, end: 4 },
      yes('NAME'),
      { ...yes('ticket'), start: 0, end: 1 },
      whole('GROUNDING', 0.25, { strength: 0.75 }),
    ]);
  });

  it('calibrates as the registration does', async () => {
    const hate = answer({ contentPolicy: { filters: [{ type: 'HATE', confidence: 'HIGH' }] } });
    expect(await findings(hate, { params: { calibration: { HIGH: 0.5 } } })).toMatchObject([
      { strength: 0.5 },
    ]);
  });

  it('takes no finding of what full scope lists as not detected', async () => {
    const listed = answer(
      {
        contentPolicy: { filters: [{ type: 'HATE', confidence: 'NONE', detected: false }] },
        topicPolicy: { topics: [{ name: 'Investments', detected: false }] },
      },
      { action: 'NONE' },
    );
    expect(await findings(listed)).toEqual([]);
  });

  it('places matches in order, in code points, each where its text next occurs', async () => {
    const content = '👩 Bob and Bob';
    const names = answer({
      sensitiveInformationPolicy: {
        piiEntities: [
          { type: 'NAME', match: 'Bob' },
          { type: 'NAME', match: 'Bob' },
          { type: 'NAME', match: 'Bob' },
        ],
      },
    });
    expect(await findings(names, { items: [item(content)] })).toEqual([
      { ...yes('NAME'), start: 2, end: 5 },
      { ...yes('NAME'), start: 10, end: 13 },
      yes('NAME'),
    ]);
  });

  it('never takes an intervention for clean', async () => {
    expect(await findings(answer({}))).toEqual([yes('guardrail_intervened')]);
    expect(await findings({ action: 'GUARDRAIL_INTERVENED', outputs: [] })).toEqual([
      yes('guardrail_intervened'),
    ]);
  });

  it('applies it to an image', async () => {
    const image = (content: string) => ({ items: [item(content)], contentType: 'image' as const });
    await judge(clean, image('data:image/png;base64,/9j/4AAQ'));
    await judge(clean, image('iVBORw0KGgo='));
    const blocks = bodies().map((body) => (body as { content: unknown[] }).content);
    expect(blocks).toEqual([
      [{ image: { format: 'jpeg', source: { bytes: '/9j/4AAQ' } } }],
      [{ image: { format: 'png', source: { bytes: 'iVBORw0KGgo=' } } }],
    ]);
    const partly = { ...clean, guardrailCoverage: { images: { guarded: 0, total: 1 } } };
    expect(await unjudged(partly, image('iVBORw0KGgo='))).toMatchObject([{ reason: 'partly_guarded' }]);
    await expect(judge(clean, image('R0lGODlh'))).rejects.toMatchObject({ failure: 'plugin_error' });
  });

  it('says when it guarded fewer characters than there are', async () => {
    const partly = { ...clean, guardrailCoverage: { textCharacters: { guarded: 3, total: 4 } } };
    expect(await unjudged(partly)).toEqual([
      { reason: 'partly_guarded', start: null, end: null, labels: null },
    ]);
    expect(await unjudged(clean)).toBeUndefined();
  });

  itTakesNoOtherAnswer(
    ['an action that nobody knows', { ...clean, action: 'MAYBE' }],
    [
      'a confidence that nobody knows',
      answer({ contentPolicy: { filters: [{ type: 'HATE', confidence: 'SURE' }] } }),
    ],
  );
});

describe('The signature of a Bedrock call', () => {
  const { http, request, never } = upstream();
  const secrets: Readonly<Record<string, string>> = {
    'env:ID': 'AKIDEXAMPLE',
    'env:KEY': 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
    'env:SESSION': 'session-token',
  };

  async function signature(access_key: object) {
    let call: JsonCall | undefined;
    const recording: DetectorHttpClient['post'] = async (asked) => ((call = asked), clean);
    const adapter: DetectorAdapter = bedrockGuardrail(
      Object.assign(Object.create(http) as DetectorHttpClient, { post: recording }),
      () => new Date('2026-11-21T12:00:00.000Z'),
    );
    const params = { ...guardrail, guardrail_version: '1', access_key };
    const endpoint = 'https://bedrock-runtime.eu-central-1.amazonaws.com';
    await adapter(request([item('text')], { protocol: 'bedrock-guardrail', endpoint, params }), never);
    const { url, body, sign } = call!;
    return sign!({ url, body: JSON.stringify(body) }, async (reference) => secrets[reference]!);
  }

  it('is what botocore makes of the same call', async () => {
    expect(await signature({ id_ref: 'env:ID', secret_ref: 'env:KEY' })).toEqual({
      'x-amz-date': '20261121T120000Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/eu-central-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, ' +
        'Signature=f2662b07f36ff877aa77246096e1c794fd914ee770cff92c427570aa1ebfbcf9',
    });
    expect(
      await signature({ id_ref: 'env:ID', secret_ref: 'env:KEY', session_token_ref: 'env:SESSION' }),
    ).toMatchObject({
      'x-amz-security-token': 'session-token',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/eu-central-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token, ' +
        'Signature=a3a462e7b3460d73b83a4d7ada9d4463420dcff515d2792304abca9272843d68',
    });
  });
});

describe('A Bedrock call with an access key', () => {
  const { server, http, request, never } = upstream();
  const kept = 'TEST_ACCESS_KEY';
  afterEach(() => delete process.env[kept]);

  function call(name: string) {
    const access_key = { id_ref: `env:${name}`, secret_ref: `env:${name}` };
    const params = { ...guardrail, access_key };
    return bedrockGuardrail(http)(
      request([item('text')], { protocol: 'bedrock-guardrail', endpoint: server.url, params }),
      never,
    );
  }

  it('goes signed', async () => {
    process.env[kept] = 'AKIDEXAMPLE';
    server.behave(path.slice(1), (_received, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(clean));
    });
    await call(kept);
    expect(server.calls[0]!.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/bedrock\/aws4_request, /,
    );
  });

  it('does not go at all without its secret', async () => {
    await expect(call('TEST_NO_KEY')).rejects.toMatchObject({
      failure: 'http_4xx',
      options: { status: 401 },
    });
    expect(server.calls).toHaveLength(0);
  });
});
