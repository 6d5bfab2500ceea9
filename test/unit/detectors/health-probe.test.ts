import { healthPathOf } from '../../../src/detectors/health-probe';
import { registration } from '../domain/support';

describe('healthPathOf', () => {
  it.each([
    [{}, '/health'],
    [{ protocol: 'llm-guard' }, '/healthz'],
    [{ protocol: 'llm-guard', health_check_path: '/own' }, '/own'],
    [{ protocol: 'openai-moderations' }, null],
    [{ protocol: 'openai-moderations', health_check_path: '/up' }, '/up'],
  ])('of %j is %s', (fields, path) => {
    expect(healthPathOf(registration('a', fields))).toBe(path);
  });
});
