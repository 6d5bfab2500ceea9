import { createMap } from '../../../src/activities/map';
import type { MapperCall } from '../../../src/activities/mapper-client';
import { createPublish } from '../../../src/activities/publish';
import type { MemberEnding } from '../../../src/activities/types';
import type { ErrorResponse } from '../../../src/contract/answer';
import type { MapperPayload } from '../../../src/contract/payload';
import { endedRunSchema } from '../../../src/contract/ended-run';
import type { Plan } from '../../../src/contract/plan';
import type { EndedRun } from '../../../src/store/ended-runs';
import type { Outcome } from '../../../src/store/outcomes';
import { failure, success } from '../domain/support';
import { ending, mappingResponse, member, plan } from './samples';

const run = { run_id: 'run', facade_id: null };
const now = () => 1500;

/** The activity over a store that keeps what it is given. */
const publish = (...endings: MemberEnding[]) => publishUnder(plan, ...endings);

async function publishUnder(under: Plan, ...endings: MemberEnding[]) {
  const stored: Outcome[] = [];
  const kept: EndedRun[] = [];
  const activity = createPublish({
    outcomes: {
      publish: (_runId: string, outcomes: readonly Outcome[]) => {
        stored.push(...outcomes);
        return Promise.resolve(
          outcomes.map((outcome) => ({
            requestId: outcome.requestId,
            jobId: null,
            status: outcome.status,
            answer: outcome.answer(null),
          })),
        );
      },
    },
    hub: { deliver: () => undefined, forgetRun: () => undefined },
    keeper: { forget: () => undefined },
    keep: (ended: EndedRun) => void kept.push(ended),
    now,
    pause: () => Promise.resolve(),
  } as never);
  const output = await activity({ run, plan: under, endings });
  return { output, stored, kept };
}

/** The activity over a mapper that keeps what it is asked. */
async function map(...payloads: MapperPayload[]) {
  const asked: MapperCall[] = [];
  const activity = createMap({
    mapper: {
      map: (call: MapperCall) => {
        asked.push(call);
        return Promise.resolve({ kind: 'mapped', response: mappingResponse });
      },
    },
    hub: { announceAggregated: () => Promise.resolve() },
    orchestrations: { markStage: () => Promise.resolve() },
    processId: 'p',
    now,
  } as never);
  const members = payloads.map((payload, index) => ({
    member: { ...member, request_id: `r${index}` },
    payload,
    resolution_notes: null,
  }));
  return { output: await activity({ run, plan, members }), asked };
}

const sound = ending().payload!;
const withMetadata = (changes: object) =>
  ({ ...sound, metadata: { ...sound.metadata, ...changes } }) as MapperPayload;
const many = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`l${index}`, 0.5]));

const corrupted: readonly (readonly [string, MapperPayload])[] = [
  ['a score above 1', withMetadata({ normalized_scores: { toxic: 1.01 } })],
  ['a score that is not a number', withMetadata({ normalized_scores: { toxic: null } })],
  ['more than 100 labels', withMetadata({ normalized_scores: many(101) })],
  ['no coverage', withMetadata({ coverage_achieved: undefined })],
  ['a fifth method', withMetadata({ aggregation_method: 'tenant_preference' })],
  ['a key nobody knows', withMetadata({ content: 'the text itself' })],
  ['an empty output', { ...sound, output: '' }],
  ['another sender', { ...sound, detector: 'someone' as never }],
  ['another tenant’s form', { ...sound, tenant_id: 'no tenant' }],
  ['more than 65,536 bytes', { ...sound, output: '一'.repeat(22_000) }],
];

describe('A corrupted payload', () => {
  it.each(corrupted)('with %s is stopped before any mapper call [C.1]', async (_name, payload) => {
    const { output, asked } = await map(payload, sound);
    expect(output['r0']).toEqual({ kind: 'invalid_payload' });
    // It spoils no other member of the run.
    expect(output['r1']?.kind).toBe('mapped');
    expect(asked.map(({ requestId }) => requestId)).toEqual(['r1']);
  });

  it.each(corrupted)(
    'with %s is AGGREGATION_FAILED, mapping on or off, and is not shown [C.1]',
    async (_name, payload) => {
      for (const mapping of [{ kind: 'off' }, { kind: 'invalid_payload' }] as const) {
        const { stored, output } = await publish(ending({ payload, mapping }));
        expect(output.statuses).toEqual({ 500: 1 });
        expect(stored[0]).toMatchObject({ status: 'failed', errorCode: 'AGGREGATION_FAILED' });
        const answer = JSON.parse(stored[0]!.answer(null).body.toString()) as ErrorResponse;
        expect(answer).toMatchObject({
          error_code: 'AGGREGATION_FAILED',
          retryable: false,
          fallback_used: true,
          response: { aggregated_payload: null, mapping_result: null, detectors_succeeded: 2 },
        });
      }
    },
  );
});

describe('publish', () => {
  it('counts how its members ended, each by itself', async () => {
    const dead = ending({ payload: null, coverage: 0 }, [failure('a', 'http_5xx'), failure('b', 'http_5xx')]);
    const half = ending({}, [success('a', 'toxic'), failure('b', 'http_5xx')]);
    const { output, stored } = await publish(ending(), dead, half);
    expect(output).toEqual({ unfinished_jobs: [], statuses: { 200: 1, 206: 1, 502: 1 } });
    expect(stored.map(({ status }) => status)).toEqual(['completed', 'failed', 'completed']);
  });

  it.each([
    ['decide failed', { decisions: { coverage: null, conflict: null, failed: true } }, ['opa_unavailable']],
    ['the mapper was late', { mapping: { kind: 'failed', code: 'REQUEST_TIMEOUT' } }, ['mapper_timeout']],
    [
      'Rego was not content',
      { decisions: { coverage: { coverage_met: false }, conflict: null, failed: false } },
      ['partial_coverage'],
    ],
  ] as const)('marks the answer when %s', async (_name, changes, reasons) => {
    const { stored } = await publish(ending(changes));
    const answer = JSON.parse(stored[0]!.answer(null).body.toString()) as object;
    expect(answer).toMatchObject({ fallback_used: true, fallback_reasons: reasons });
  });

  it.each([
    [null, {}, {}],
    ['opa_unavailable', { failed: true }, {}],
    ['opa_invalid_decision', { failed: true, invalid: true }, {}],
    ['opa_unavailable', {}, { decider: 'tenant_policy_opa_fallback' }],
    ['opa_invalid_decision', {}, { decider: 'tenant_policy_opa_fallback', invalid_decision: true }],
  ] as const)('counts as %s after %j under a plan with %j', async (fallback, decisions, made) => {
    const { stored } = await publishUnder(
      { ...plan, ...made },
      ending({ decisions: { coverage: null, conflict: null, failed: false, ...decisions } }),
    );
    expect(stored[0]?.facts?.policyFallback).toBe(fallback);
  });

  it('records who decided what, and no output of a detector [5.2]', async () => {
    const decisions = {
      coverage: { coverage_met: true, policy_violations: [] },
      conflict: { resolution_strategy: 'majority_vote' as const },
      failed: false,
    };
    const { stored } = await publish(ending({ decisions }, [success('a', 'said-a'), success('b', 'said-b')]));
    expect(stored[0]?.audit).toMatchObject({
      policy: { bundle: 'default', version: '1.2', digest: plan.policy_digest },
      decider: 'tenant_policy',
      decisions: { selection: null, ...decisions },
      http_status: 200,
    });
    expect(JSON.stringify(stored[0]?.audit)).not.toContain('said-');
  });

  it('records what was found as a kind and, where it was mapped, as categories', async () => {
    const version_info = { taxonomy: '3.0.0', frameworks: '2.0.0', model: 'none' };
    const mapping = { kind: 'mapped', response: { ...mappingResponse, version_info } } as const;
    const { stored } = await publish(
      ending({ mapping }),
      ending(),
      ending({ mapping, cancelled: true }),
      ending({ payload: null, coverage: 0 }, [failure('a', 'http_5xx'), failure('b', 'http_5xx')]),
    );
    const [mapped, off, cancelled, dead] = stored.map(({ audit }) => audit);
    expect(mapped).toMatchObject({
      verdict: 'adverse',
      mapping: 'mapped',
      categories: ['HARM.SPEECH.Toxicity'],
      data_versions: { taxonomy: '3.0.0', frameworks: '2.0.0' },
    });
    expect(off).toMatchObject({ verdict: 'adverse', mapping: 'off' });
    expect(off).not.toHaveProperty('categories');
    expect([cancelled, dead]).toMatchObject([{ verdict: 'none' }, { verdict: 'none' }]);
  });
});

describe('what is kept for other policies to judge', () => {
  const said = (...results: MemberEnding['results']) => ending({ results });
  const quoted = success('a', 'call me at 555 0100', 0.9, { metadata: { excerpt: 'call me' } });

  async function recordOf(one: MemberEnding) {
    const { kept } = await publish(one);
    return kept.map(({ record, ...about }) => ({
      ...about,
      record: endedRunSchema.parse(JSON.parse(record)),
    }));
  }

  it('is what detectors said and what was made of it', async () => {
    const [one] = await recordOf(ending());
    expect(one).toMatchObject({
      tenantId: plan.tenant_id,
      bundle: plan.policy_bundle,
      requestId: member.request_id,
      receivedAt: new Date(member.received_at),
      record: { content_type: 'text', outcome: { status: 200, coverage_met: true }, deadline_cut: false },
    });
  });

  it('holds no words of a detector, which may quote the content', async () => {
    const [one] = await recordOf(said(quoted, failure('b', 'http_4xx')));
    expect(JSON.stringify(one)).not.toMatch(/call me|555/);
    expect(one!.record.results[0]).toMatchObject({ output: 'withheld-1', metadata: null });
    expect(one!.record.outcome.verdict).toEqual({ kind: 'adverse', label: 'withheld-1', detector: 'a' });
  });

  it('is nothing of one that was cancelled', async () => {
    expect(await recordOf(ending({ cancelled: true }))).toEqual([]);
  });
});
