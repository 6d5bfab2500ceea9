import { orchestrationResponseSchema } from '../../../src/contract/answer';
import { detectorListSchema } from '../../../src/contract/detector-info';
import { healthResponseSchema } from '../../../src/contract/health';
import { System } from '../../support/system';

let system: System;
beforeAll(async () => {
  system = await System.start({ detectors: ['a', 'b'] });
});
afterAll(() => system?.stop());

describe('The five public routes answer under /api/v1', () => {
  it('orchestrate: a verdict [F.10]', async () => {
    const { status, body } = await system.orchestrate();
    expect([status, orchestrationResponseSchema.parse(body).coverage_achieved]).toEqual([200, 1]);
  });

  it('detectors: all that are registered [F.10]', async () => {
    const { status, body } = await system.request('GET', '/detectors');
    expect(status).toBe(200);
    expect(
      detectorListSchema
        .parse(body)
        .detectors.map(({ name }) => name)
        .toSorted(),
    ).toEqual(['a', 'b']);
  });

  it('policies/validate: what is wrong with a candidate [F.10]', async () => {
    const { status, body } = await system.request('POST', '/policies/validate', {
      policy_bundle: 'candidate',
      policy: {
        tenant_id: 'demo',
        policy_bundle: 'candidate',
        coverage_calculation: { calculation_method: 'required_set' },
        required_detectors: ['a', 'nobody'],
      },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ missing_detectors: ['nobody'] });
  });

  it('health: healthy [F.10]', async () => {
    const { status, body } = await system.request('GET', '/health');
    expect([status, healthResponseSchema.parse(body).detectors_total]).toEqual([200, 2]);
  });

  it('metrics: the text format of Prometheus [F.10]', async () => {
    const response = await fetch(`${system.url}/api/v1/metrics`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    expect(await response.text()).toContain('# TYPE orchestrate_requests_total counter');
  });
});
