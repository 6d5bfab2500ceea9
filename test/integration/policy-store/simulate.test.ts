import type { SimulationList, SimulationView } from '../../../src/contract/simulation';
import { conclave } from '../../support/conclave-command';
import { eventually } from '../../support/eventually';
import { findings } from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import { System } from '../../support/system';
import { ended as bulkEnded, submit } from '../bulk/support';

const rude = findings((content) =>
  content.includes('rude') ? [{ start: 0, end: 4, detection: 'toxic', score: 0.9 }] : [],
);
const statics = {
  required_detectors: ['a', 'b', 'c'],
  conflict_resolution: 'highest_confidence' as const,
};
const asDemo = { 'x-tenant-id': 'demo' };

let system: System;
beforeAll(async () => {
  system = await System.start({
    parts: ['api', 'worker'],
    env: patience,
    detectors: ['a', 'b', 'c', 'new'],
    policies: { 'demo/default': { policy: statics }, 'demo/quiet': { policy: statics } },
  });
  system.detectors.behave('a', rude).behave('b', findings()).behave('c', findings());
});
afterAll(() => system?.stop());

function simulate<T = SimulationView>(
  body: object,
  headers: Record<string, string> = asDemo,
  bundle = 'default',
) {
  return system.request<T>('POST', `/policies/${bundle}/simulate`, body, headers);
}

/** A policy as it would be put. */
function candidate(fields: object, rules?: string) {
  const policy = {
    tenant_id: 'demo',
    policy_bundle: 'default',
    coverage_calculation: { calculation_method: 'required_set' },
    ...statics,
    ...fields,
    ...(rules === undefined ? {} : { rego_policy_path: 'rules' }),
  };
  return { policy, ...(rules && { rego: { 'rules/rules.rego': `package orchestration\n\n${rules}\n` } }) };
}

async function completed(
  { body }: { readonly body: SimulationView },
  withinMs = 40_000,
): Promise<SimulationView> {
  const path = `/policies/${body.policy_bundle}/simulations/${body.simulation_id}`;
  return eventually(
    async () => (await system.request<SimulationView>('GET', path, undefined, asDemo)).body,
    ({ completed_at: end }) => end !== null,
    { withinMs },
  );
}

async function reportOn(body: object) {
  const begun = await simulate(body);
  expect([begun.status, begun.text]).toEqual([202, expect.stringContaining('simulation_id')]);
  const simulation = await completed(begun);
  expect(simulation).toMatchObject({ status: 'completed', progress: 1, replayed: simulation.total });
  return simulation.report!;
}

describe('Simulating a policy', () => {
  const rudeIds: string[] = [];
  beforeAll(async () => {
    for (const content of ['a rude remark', 'a fine day', 'another rude remark', 'a question']) {
      const { body } = await system.orchestrate({ content });
      if (content.includes('rude')) rudeIds.push(body.request_id);
    }
  });

  it('finds no change at all in the version that decided', async () => {
    const report = await reportOn({ version: '1.0' });
    expect(report).toMatchObject({ replayed: 4, unchanged: 4, flipped: 0, unknown: 0, examples: {} });
  });

  it('tells which verdicts flip, by content type and category, with examples', async () => {
    const begun = await simulate(candidate({ conflict_resolution: 'majority_vote' }));
    expect(begun.headers.get('location')).toBe(
      `/api/v1/policies/default/simulations/${begun.body.simulation_id}`,
    );
    const { report, ...simulation } = await completed(begun);
    expect(simulation).toMatchObject({ candidate: { version: '1.1', stored: false }, total: 4 });
    expect(report).toMatchObject({
      replayed: 4,
      unchanged: 2,
      flipped: 2,
      verdicts: [
        { from: { kind: 'adverse', label: 'toxic' }, to: { kind: 'benign', label: 'clean' }, count: 2 },
      ],
      by_content_type: { text: { replayed: 4, flipped: 2 } },
      by_category: { HARM: { replayed: 2, flipped: 2 }, none: { replayed: 2, unchanged: 2 } },
    });
    expect(report!.examples.flipped).toEqual(rudeIds.toSorted());
  });

  it('counts what a detector would have found that did not look as unknown', async () => {
    const report = await reportOn(candidate({ required_detectors: ['a', 'b', 'new'] }));
    expect(report).toMatchObject({
      replayed: 4,
      flipped: 0,
      unknown: 4,
      detectors: [{ added: ['new'], removed: ['c'], count: 4 }],
      unknowns: { by_reason: { detector_did_not_look: 4 }, by_detector: { new: 4 } },
    });
  });

  it('asks the candidate’s Rego: selection, coverage, conflict, and what it denies', async () => {
    const report = await reportOn(
      candidate(
        {},
        `selection := {"selected_detectors": [], "required_detectors": ["a", "b"]}

coverage := {"coverage_met": false}

conflict := {"resolution_strategy": "tenant_preference", "winning_detector": "b"}`,
      ),
    );
    expect(report).toMatchObject({
      flipped: 2,
      coverage_lost: 4,
      statuses: [{ from: 200, to: 206, count: 4 }],
      detectors: [{ added: [], removed: ['c'], count: 4 }],
      fell_back: 0,
    });
    const denied = await reportOn(candidate({}, 'selection := {"selected_detectors": [], "allow": false}'));
    expect(denied).toMatchObject({ flipped: 4, statuses: [{ from: 200, to: 403, count: 4 }] });
    const failing = await reportOn(
      candidate(
        {},
        `conflict := {"resolution_strategy": "best_of_three"} if input.detector_outputs[_].output == "toxic"

else := {}`,
      ),
    );
    expect(failing).toMatchObject({ flipped: 0, fell_back: 2 });
  });

  it('leaves no trace in the log of decisions', async () => {
    const { body } = await system.request<{ total_count: number }>(
      'GET',
      '/policies/decisions',
      undefined,
      asDemo,
    );
    expect(body.total_count).toBe(0);
  });

  it.each<readonly [string, object, number, string]>([
    ['a version that does not exist', { version: '9.9' }, 404, 'version_not_found'],
    ['a policy that is none', { policy: { required_detectors: 5 } }, 400, 'policy_invalid'],
    ['Rego that does not compile', candidate({}, 'selection := {'), 400, 'policy_invalid'],
    [
      'a time beyond retention',
      { version: '1.0', since: '2020-01-01T00:00:00Z' },
      400,
      'range_exceeds_retention',
    ],
    [
      'a time that ends before it begins',
      { version: '1.0', since: new Date().toISOString(), until: '2025-01-01T00:00:00Z' },
      400,
      'validation_failed',
    ],
  ])('refuses %s', async (_what, body, status, detail) => {
    const refused = await simulate<{ detail: string }>(body);
    expect([refused.status, refused.body.detail]).toEqual([status, detail]);
  });

  it('says when there is nothing to replay', async () => {
    const refused = await simulate<{ detail: string; message: string }>({ version: '1.0' }, asDemo, 'quiet');
    expect([refused.status, refused.body.detail]).toEqual([409, 'nothing_to_replay']);
    expect(refused.body.message).toContain('judged nothing');
  });

  it('shows a tenant its own only, and ends for good', async () => {
    const begun = await simulate({ version: '1.0' });
    const path = `/policies/default/simulations/${begun.body.simulation_id}`;
    for (const method of ['GET', 'DELETE']) {
      const { status } = await system.request(method, path, undefined, { 'x-tenant-id': 'other' });
      expect(status).toBe(404);
    }
    await completed(begun);
    const { status, body } = await system.request<{ detail: string }>('DELETE', path, undefined, asDemo);
    expect([status, body.detail]).toEqual([409, 'simulation_not_cancellable']);
    const list = await system.request<SimulationList>(
      'GET',
      '/policies/default/simulations',
      undefined,
      asDemo,
    );
    expect(list.body.simulations[0]).toMatchObject({ simulation_id: begun.body.simulation_id, report: null });
  });

  it('is there for pipelines: progress apart from the report, and exit codes [9.4]', async () => {
    const args = [
      'policy',
      'simulate',
      'default',
      '--url',
      system.url,
      '--tenant',
      'demo',
      '--version',
      '1.0',
    ];
    const same = await conclave([...args, '--wait', '--json', '--fail-on-flips', '1']);
    expect([same.code, JSON.parse(same.stdout).report.unchanged]).toEqual([0, 4]);
    expect(same.stderr).toMatch(/completed: 4 of 4 requests replayed/);
    const folder = system.dataDir + '/policies/demo/default';
    const table = await conclave([...args.slice(0, 7), '--from', folder, '--since', '1h', '--wait']);
    expect([table.code, table.stdout]).toEqual([0, expect.stringMatching(/unchanged .*4/)]);
    const unknown = await conclave([...args.slice(0, 7), '--version', '7.7']);
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('7.7')]);
    expect((await conclave([...args, '--since', 'soon'])).code).toBe(2);
  });

  it('goes on after a kill -9 from the last page, and counts nothing twice', async () => {
    const contents = Array.from({ length: 600 }, (_, n) => ({
      content: n % 2 === 0 ? `rude ${n}` : `fine ${n}`,
      policy_bundle: 'quiet',
    }));
    await bulkEnded(system, await submit(system, contents));
    await system.parts.find(({ kind }) => kind === 'worker')!.end('SIGTERM');
    const doomed = await system.startPart('worker', { CONCLAVE_PAUSE_AT: 'simulated' });
    const body = { ...candidate({ conflict_resolution: 'majority_vote', policy_bundle: 'quiet' }) };
    const begun = await simulate(body, asDemo, 'quiet');
    await doomed.paused('simulated');
    const path = `/policies/quiet/simulations/${begun.body.simulation_id}`;
    const halfway = await system.request<SimulationView>('GET', path, undefined, asDemo);
    expect(halfway.body).toMatchObject({ status: 'running', replayed: 500, total: 600, report: null });
    expect(halfway.body.progress).toBeCloseTo(500 / 600, 5);
    await doomed.kill();
    await system.startPart('worker');
    const { report } = await completed(begun, 90_000);
    expect(report).toMatchObject({ replayed: 600, flipped: 300, unchanged: 300, unknown: 0 });
  });

  it('can be cancelled while it goes on', async () => {
    await system.parts.findLast(({ kind }) => kind === 'worker')!.end('SIGTERM');
    const held = await system.startPart('worker', { CONCLAVE_PAUSE_AT: 'simulated' });
    const begun = await simulate({ version: '1.0' }, asDemo, 'quiet');
    await held.paused('simulated');
    const path = `/policies/quiet/simulations/${begun.body.simulation_id}`;
    const { status, body } = await system.request<SimulationView>('DELETE', path, undefined, asDemo);
    expect([status, body.status, body.report]).toEqual([200, 'cancelled', null]);
    await held.kill();
    await system.startPart('worker');
    await eventually(
      () => system.temporal.workflow.getHandle(`simulation-${begun.body.simulation_id}`).describe(),
      ({ status: { name } }) => name === 'COMPLETED',
      { withinMs: 60_000 },
    );
    expect((await completed(begun)).status).toBe('cancelled');
  });

  it('keeps nothing of a content that was judged', async () => {
    const { rows } = await system.db.query<{ found: number }>(
      `select count(*)::int as found from ended_run where position('rude' in encode(record, 'escape')) > 0`,
    );
    expect(rows).toEqual([{ found: 0 }]);
  });
});
