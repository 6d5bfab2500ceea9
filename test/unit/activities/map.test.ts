import { createMap } from '../../../src/activities/map';
import type { MapperAnswer, MapperCall } from '../../../src/activities/mapper-client';
import type { MemberWithoutContent } from '../../../src/activities/types';
import type { Plan } from '../../../src/contract/plan';
import { ending, mappingResponse, member, plan } from './samples';

const run = { run_id: 'run', facade_id: 'facade' };
const payload = ending().payload!;
const mapped: MapperAnswer = { kind: 'mapped', response: mappingResponse };

/** The activity at a time, with a record of whom it told what, in order. */
async function map(
  members: readonly Partial<MemberWithoutContent>[],
  { now = 1500, of = plan, answer = mapped }: { now?: number; of?: Plan; answer?: MapperAnswer } = {},
) {
  const told: unknown[] = [];
  const calls: MapperCall[] = [];
  const activity = createMap({
    mapper: {
      map(call: MapperCall) {
        calls.push(call);
        told.push(['map', call.requestId]);
        return Promise.resolve(answer);
      },
    },
    hub: { announceAggregated: async (...what: unknown[]) => void told.push(['announce', ...what]) },
    orchestrations: { markStage: async (ids: string[], stage: string) => void told.push([stage, ...ids]) },
    processId: 'process',
    now: () => now,
  } as never);
  const output = await activity({
    run,
    plan: of,
    members: members.map((changes, index) => ({
      member: { ...member, request_id: `r${index}`, ...changes },
      payload,
      resolution_notes: 'a won',
    })),
  });
  return { output, told, calls };
}

describe('map', () => {
  it('tells the facade that the results are in, then has them mapped and annotated', async () => {
    const { output, told, calls } = await map([{ traceparent: '00-aa-bb-01' }]);
    expect(told).toEqual([
      ['announce', 'run', 'facade', 'process'],
      ['map', 'r0'],
    ]);
    expect(calls).toEqual([
      { payload, requestId: 'r0', correlationId: 'corr', traceparent: '00-aa-bb-01', budgetMs: 500 },
    ]);
    expect(output['r0']).toMatchObject({
      kind: 'mapped',
      response: {
        taxonomy: mappingResponse.taxonomy,
        provenance: { route: 'orchestrator', tenant_id: 'acme' },
        notes: expect.stringContaining('conflict=a won') as string,
      },
    });
  });

  it('marks the stages of jobs around the call, and of jobs only', async () => {
    const { told } = await map([{ mode: 'async' }, {}]);
    expect(told).toEqual([
      ['announce', 'run', 'facade', 'process'],
      ['aggregated', 'r0'],
      ['map', 'r0'],
      ['map', 'r1'],
      ['mapped', 'r0'],
    ]);
  });

  it('takes a sync member for a job from the moment of its conversion', async () => {
    expect((await map([{}], { now: 2499 })).told).not.toContainEqual(['aggregated', 'r0']);
    expect((await map([{}], { now: 2500 })).told).toContainEqual(['aggregated', 'r0']);
    const of = { ...plan, allow_async_conversion: false };
    expect((await map([{}], { now: 2500, of })).told).not.toContainEqual(['aggregated', 'r0']);
  });

  it('gives the mapper what is left: of the SLA to a sync member, of the deadline to a job', async () => {
    const of = { ...plan, allow_async_conversion: false };
    const { calls } = await map([{}, { mode: 'async' }], { now: 2700, of });
    expect(calls.map(({ budgetMs }) => budgetMs)).toEqual([250, 500]);
  });

  it('does not begin a call that has no time left', async () => {
    const of = { ...plan, allow_async_conversion: false };
    const { output, calls } = await map([{}], { now: 2910, of });
    expect(output).toEqual({ r0: { kind: 'failed', code: 'REQUEST_TIMEOUT' } });
    expect(calls).toEqual([]);
  });

  it('passes on how the mapper failed', async () => {
    const answer = { kind: 'failed', code: 'DETECTOR_OVERLOADED' } as const;
    expect((await map([{}], { answer })).output).toEqual({ r0: answer });
  });
});
