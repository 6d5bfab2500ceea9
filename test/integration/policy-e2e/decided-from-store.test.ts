import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { flags, held } from '../../support/fake-detectors';
import { System } from '../../support/system';

const rego = `package orchestration

coverage := {"coverage_met": input.policy.policy_data.enough}

conflict := {"resolution_strategy": "majority_vote", "resolution_reason": "as the store says"}
`;

describe('A worker without the bundle on its disk', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      parts: ['api'],
      policies: {
        'demo/default': { policy: { policy_data: { enough: false } }, rego: { 'policy.rego': rego } },
      },
    });
  });
  afterAll(() => system?.stop());

  it('decides coverage and conflict by the digest of the plan, from the store [5.2]', async () => {
    const gate = held(flags('toxic', 0.9));
    system.detectors.behave('a', gate.behavior);
    const { status, body } = await system.orchestrate({ processing_mode: 'async' });
    expect(status).toBe(202);
    await system.detectors.called('a');
    // The one process that had read the bundle from a folder is gone before anything was decided.
    await system.facade.kill();
    const empty = path.join(system.dataDir, 'no-policies');
    mkdirSync(empty);
    const elsewhere = {
      ORCHESTRATION_POLICY_STORE_PATH: empty,
      ORCHESTRATION_POLICY__VERSIONS_PATH: path.join(system.dataDir, 'no-versions'),
    };
    const worker = await system.startPart('worker', elsewhere);
    gate.release();
    await system.startPart('api', elsewhere);
    const job = await system.ended(body.job_id!);
    expect(job).toMatchObject({
      status: 'completed',
      result: {
        error_code: 'PARTIAL_COVERAGE',
        coverage_achieved: 1,
        fallback_reasons: ['partial_coverage'],
        aggregated_payload: {
          metadata: {
            conflict_resolution: {
              decided_by: 'opa',
              winning_output: 'clean',
              opa_decision: { resolution_reason: 'as the store says' },
            },
          },
        },
        routing_decision: { policy_digest: body.routing_decision.policy_digest },
      },
    });
    expect(worker.process.exitCode).toBeNull();
  });
});
