import { healthPathOf, probeThrough } from '../../../src/detectors/health-probe';
import { registration } from '../domain/support';
import { upstream } from './adapter-support';

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

describe('probeThrough', () => {
  const { server, http } = upstream();

  it('asks a detector how it is, where it can say', async () => {
    const probe = probeThrough(http, 2000);
    const sick = { endpoint: server.url, health_check_path: '/health/sick' };
    server.setHealthy('sick', false);
    expect(await probe(registration('a', { endpoint: server.url }))).toBe(true);
    expect(await probe(registration('a', sick))).toBe(false);
    expect(await probe(registration('a', { ...sick, protocol: 'openai-moderations' }))).toBe(false);
  });

  it('takes one for well that has no way to say', async () => {
    const nobody = { endpoint: 'http://127.0.0.1:1', protocol: 'lakera-guard' };
    expect(await probeThrough(http, 2000)(registration('a', nobody))).toBe(true);
  });
});
