import { randomUUID } from 'node:crypto';
import { after, findings, hangs, inTurn, status } from '../../support/fake-detectors';
import { System } from '../../support/system';

/** Queues of pools are the server's, not the installation's: names that no other test has. */
const pool = `gpu-${randomUUID().slice(0, 8)}`;
const unserved = `gone-${randomUUID().slice(0, 8)}`;

describe('A detector bound to a pool', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      detectors: [
        'steady',
        { name: 'pooled', pool },
        { name: 'stuck', pool, timeout_ms: 200 },
        { name: 'unserved', pool: unserved },
      ],
      policies: {
        'demo/stuck': { policy: { required_detectors: ['steady', 'stuck'] } },
        'demo/pool': { policy: { required_detectors: ['steady', 'pooled'] } },
        'demo/unserved': {
          policy: { required_detectors: ['steady', 'unserved'], allow_async_conversion: false },
        },
      },
      env: { ORCHESTRATION_WORKFLOW__POOLS: JSON.stringify([pool]) },
    });
  });
  beforeEach(() => system.detectors.reset());
  afterAll(() => system?.stop());

  /** Activities that the server scheduled for a run, with their queues. */
  async function scheduled(workflowId: string): Promise<[string, string][]> {
    const history = await system.temporal.workflow.getHandle(workflowId).fetchHistory();
    return (history.events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) =>
      scheduled ? [[String(scheduled.activityType?.name), String(scheduled.taskQueue?.name)]] : [],
    );
  }

  it("is called by the pool's workers as a regular activity, as are the others of its run", async () => {
    const { status: code, body } = await system.orchestrate({
      policy_bundle: 'pool',
      processing_mode: 'async',
    });
    expect(code).toBe(202);
    const job = await system.ended(body.job_id!);
    expect(job).toMatchObject({ status: 'completed', result: { coverage_achieved: 1 } });
    expect((await scheduled(body.job_id!)).toSorted()).toEqual([
      ['detect.pooled', `pool-${pool}`],
      ['detect.steady', `${system.taskQueue}-jobs`],
    ]);
  });

  it('is retried there, with the same Idempotency-Key, and answered within a sync call', async () => {
    system.detectors.behave('pooled', inTurn(status(500), after(20, findings())));
    const { status: code, body } = await system.orchestrate({ priority: 'low', policy_bundle: 'pool' });
    expect([code, body.coverage_achieved]).toEqual([200, 1]);
    expect(body.detector_results.find(({ detector }) => detector === 'pooled')).toMatchObject({
      status: 'success',
      metadata: { attempts: 2 },
    });
    const keys = system.detectors.callsOf('pooled').map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(2);
    expect(keys[0]).toBe(keys[1]);
  });

  it('times out there by its own timeout', async () => {
    system.detectors.behave('stuck', hangs);
    const { status: code, body } = await system.orchestrate({ priority: 'low', policy_bundle: 'stuck' });
    expect(code).toBe(206);
    const stuck = body.detector_results.find(({ detector }) => detector === 'stuck');
    expect(stuck).toMatchObject({ status: 'timeout', metadata: { attempts: 3 } });
    expect(stuck?.error).toMatch(/^attempt_timeout\b/);
  });

  it('whose pool nobody serves is cut in time, and costs the others nothing [6.2]', async () => {
    const { status: code, body } = await system.orchestrate({ policy_bundle: 'unserved' });
    expect(code).toBe(206);
    expect(body.detector_results).toMatchObject([
      { detector: 'steady', status: 'success' },
      { detector: 'unserved', status: 'timeout', error: 'request_deadline' },
    ]);
  });
});
