import type { Health } from '../../../src/contract/endpoint-health';
import { type EndpointConfig, endpointSchema } from '../../../src/contract/upstream';
import { initialHealth } from '../../../src/domain/health';
import { Breakers } from '../../../src/registry/breakers';
import { HealthMonitor } from '../../../src/registry/health-monitor';
import { constants, directoryWith } from './support';

const detector = (url = 'http://a') => endpointSchema.parse({ url, kind: 'detector' });

describe('HealthMonitor', () => {
  let now = 0;
  let directory: ReturnType<typeof directoryWith>;
  let breakers: Breakers;
  let monitor: HealthMonitor;

  function watch(endpoints: Readonly<Record<string, EndpointConfig>>): void {
    directory = directoryWith(endpoints);
    breakers = new Breakers(directory, constants, () => now);
    monitor = new HealthMonitor(directory, breakers, constants, () => now);
  }
  const learn = (endpoint_id: string, health: Partial<Health>, next = now, url = 'http://a') =>
    monitor.learned({
      endpoint_id,
      url,
      health: { ...initialHealth, last_probe_at: now, ...health },
      next_check_at: next,
      response_ms: 7,
      error: null,
    });
  beforeEach(() => (now = 1_000_000));

  it('knows nothing of a detector that has not been checked, and does not use it', () => {
    watch({ 'a@1.0': detector() });
    expect([monitor.isHealthy('a@1.0'), monitor.healthyCount]).toEqual([false, 0]);
    expect(monitor.healthOf('a@1.0')).toMatchObject({ status: 'unknown', lastCheck: null, nextCheck: null });
    expect(monitor.healthOf('nobody')).toMatchObject({ status: 'unknown' });
  });

  it('uses what is well, version by version', () => {
    watch({ 'a@1.0': detector(), 'a@2.0': detector() });
    learn('a@1.0', { status: 'healthy' });
    learn('a@2.0', { status: 'unhealthy' });
    expect([monitor.isHealthy('a@1.0'), monitor.isHealthy('a@2.0'), monitor.healthyCount]).toEqual([
      true,
      false,
      1,
    ]);
    expect(monitor.healthOf('a@1.0')).toMatchObject({ responseTimeMs: 7, lastCheck: new Date(now) });
  });

  it('takes a suspect detector out when its time is up, whatever checks do [4.1]', () => {
    watch({ 'a@1.0': detector() });
    learn('a@1.0', { status: 'healthy', consecutive_failures: 1, suspect_since: now });
    now += 29_999;
    expect(monitor.isHealthy('a@1.0')).toBe(true);
    now += 1;
    expect([monitor.isHealthy('a@1.0'), monitor.healthOf('a@1.0').status]).toEqual([false, 'unhealthy']);
  });

  it('counts an open breaker as unavailable, though not as unhealthy', () => {
    watch({ 'a@1.0': detector(), web: endpointSchema.parse({ url: 'http://web' }) });
    learn('a@1.0', { status: 'healthy' });
    expect([monitor.isAvailable('a@1.0'), monitor.isAvailable('web')]).toEqual([true, true]);
    for (let failure = 0; failure < 5; failure++) breakers.record('a@1.0', 'failure', 0);
    expect([monitor.isAvailable('a@1.0'), monitor.isHealthy('a@1.0')]).toEqual([false, true]);
  });

  it('lets what was planned for a detector that is gone come to its end, and forgets it', () => {
    watch({ 'a@1.0': detector() });
    learn('a@1.0', { status: 'unhealthy' });
    directory.remove('a@1.0');
    expect(monitor.isAvailable('a@1.0')).toBe(true);
    directory.set('a@1.0', detector());
    expect(monitor.isHealthy('a@1.0')).toBe(false);
    expect(monitor.healthOf('a@1.0').status).toBe('unknown');
  });

  it('remembers what it learns of a detector before it hears that there is one', () => {
    watch({});
    learn('a@1.0', { status: 'healthy' });
    directory.set('a@1.0', detector());
    expect(monitor.isHealthy('a@1.0')).toBe(true);
  });

  it('does not take one address for another', () => {
    watch({ 'a@1.0': detector() });
    learn('a@1.0', { status: 'healthy' });
    directory.set('a@1.0', detector('http://elsewhere'));
    expect(monitor.isHealthy('a@1.0')).toBe(false);
    expect(monitor.due()).toMatchObject([{ endpoint_id: 'a@1.0', dueSince: 0 }]);
  });

  it('knows one that is about to move at both of its addresses, until it has moved [C3]', () => {
    watch({ 'a@1.0': detector() });
    learn('a@1.0', { status: 'healthy' });
    learn('a@1.0', { status: 'healthy' }, now, 'http://elsewhere');
    expect(monitor.isHealthy('a@1.0')).toBe(true);
    directory.set('a@1.0', detector('http://elsewhere'));
    expect(monitor.isHealthy('a@1.0')).toBe(true);
    directory.set('a@1.0', detector());
    expect(monitor.isHealthy('a@1.0')).toBe(false);
  });

  it('tells what is due, without what is switched off [H4]', () => {
    watch({
      'a@1.0': detector(),
      'b@1.0': detector(),
      web: endpointSchema.parse({ url: 'http://a' }),
      off: endpointSchema.parse({ url: 'http://a', disabled: true }),
      unwatched: endpointSchema.parse({ url: 'http://a', health_check: { enabled: false } }),
    });
    learn('a@1.0', { status: 'healthy' }, now + 30_000);
    learn('web', { status: 'healthy', consecutive_failures: 1 }, now - 1);
    expect(monitor.due().map(({ endpoint_id }) => endpoint_id)).toEqual(['web', 'b@1.0']);
    now += 30_000;
    expect(monitor.due().map(({ endpoint_id }) => endpoint_id)).toEqual(['web', 'b@1.0', 'a@1.0']);
  });
});
