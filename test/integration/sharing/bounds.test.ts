import { Company } from '../../support/company';
import { held } from '../../support/fake-detectors';
import type { HttpAnswer } from '../../support/system';
import { System } from '../../support/system';
import { answersOf, installation, rude, text, undisturbed } from './support';

describe('Runs are shared within bounds', () => {
  let system: System;
  beforeAll(async () => {
    const { policies } = installation;
    system = await System.start({
      ...installation,
      policies: {
        ...policies,
        'other/default': { policy: { required_detectors: ['a', 'b'] } },
        'demo/same': { policy: { required_detectors: ['a', 'b'] } },
        'demo/settled': { policy: { required_detectors: ['a', 'b'], allow_async_conversion: false } },
      },
    });
  });
  afterAll(() => system?.stop());
  beforeEach(() => undisturbed(system));

  it('of one tenant and one plan: neither bundle, nor priority, nor detectors may differ', async () => {
    const company = await Company.gather(system);
    const kinds = [
      {},
      { tenant_id: 'other' },
      { policy_bundle: 'same' },
      { priority: 'high' },
      { excluded_detectors: ['b'] },
      { environment: 'stage' },
    ];
    const waiting = [];
    for (const kind of [...kinds, ...kinds.slice(0, 2)]) waiting.push(await company.add(kind));
    await company.depart();
    const runs = await runsOf(await answersOf(waiting));
    expect(new Set(runs.slice(0, kinds.length)).size).toBe(kinds.length);
    // Alike, they share: so it was possible for the others.
    expect(runs.slice(kinds.length)).toEqual(runs.slice(0, 2));
  });

  it.each([
    ['more than 4 KiB of content', { content: 'é'.repeat(2049) }],
    ['metadata', { metadata: { source: 'chat' } }],
    ['critical priority', { priority: 'critical' }],
    ['a policy without conversion', { policy_bundle: 'settled' }],
    ['asynchronous processing', { processing_mode: 'async' }],
  ])('never with who has %s', async (_what, body) => {
    const company = await Company.gather(system);
    const waiting = [];
    for (const each of [body, body, {}, {}]) waiting.push(await company.add(each));
    await company.depart();
    const answers = await answersOf(waiting);
    for (const answer of answers) if (answer.status === 202) await system.ended(answer.body.job_id!);
    const [one, other, ...ordinary] = await runsOf(answers);
    expect(ordinary[0]).toBe(ordinary[1]);
    expect(new Set([one, other, ordinary[0]]).size).toBe(3);
  });

  it('also with content of 4 KiB', async () => {
    const company = await Company.gather(system);
    const waiting = [
      await company.add({ content: 'é'.repeat(2048) }),
      await company.add({ content: 'small' }),
    ];
    await company.depart();
    const [large, small] = await runsOf(await answersOf(waiting));
    expect(large).toBe(small);
  });

  it('of 96 KiB and 256 members, however many come at once', async () => {
    const gate = held(rude);
    system.detectors.behave('a', gate.behavior);
    const answers = Promise.all(
      Array.from({ length: 400 }, () => system.orchestrate({ content: text(1000) })),
    );
    await system.detectors.called('a', 3);
    gate.release();
    expect(new Set((await answers).map(({ status }) => status))).toEqual(new Set([200]));
    const members = new Map<string, number>();
    for (const run of await runsOf(await answers)) members.set(run, (members.get(run) ?? 0) + 1);
    expect(members.size).toBeLessThan(200);
    for (const [run, count] of members) {
      expect(count).toBeLessThanOrEqual(256);
      expect(await inputBytes(run)).toBeLessThanOrEqual(96 * 1024);
    }
  });

  /** The run that served each. */
  async function runsOf(answers: readonly HttpAnswer[]): Promise<string[]> {
    const ids = answers.map(({ body }) => body.request_id);
    const { rows } = await system.db.query<{ request_id: string; run_id: string }>(
      'select request_id, run_id from orchestration where request_id = any($1::uuid[])',
      [ids],
    );
    const byId = new Map(rows.map((row) => [row.request_id, row.run_id]));
    return ids.map((id) => byId.get(id)!);
  }

  async function inputBytes(runId: string): Promise<number> {
    const history = await system.temporal.workflow.getHandle(runId).fetchHistory();
    const input = history.events![0]!.workflowExecutionStartedEventAttributes!.input!.payloads![0]!;
    return input.data!.length;
  }
});
