import { Metrics } from '../../../src/telemetry/metrics';
import { PolicyMetrics } from '../../../src/telemetry/policy-metrics';

describe('The series of policies', () => {
  it('count every rule that was asked, by what came of it', async () => {
    const metrics = new Metrics();
    const counts = new PolicyMetrics(metrics);
    counts.decided({ decision: 'selection', outcome: 'decision' });
    counts.decided({ decision: 'selection', outcome: 'decision' });
    counts.decided({ decision: 'coverage', outcome: 'slow' });
    expect((await metrics.page()).split('\n')).toEqual(
      expect.arrayContaining([
        'orchestrator_opa_decisions_total{decision="selection",outcome="decision"} 2',
        'orchestrator_opa_decisions_total{decision="coverage",outcome="slow"} 1',
      ]),
    );
  });
});
