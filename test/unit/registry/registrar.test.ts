import { detectorRegistrationSchema } from '../../../src/contract/registration';
import { endpointSchema } from '../../../src/contract/upstream';
import { type NewDetector, Registrar } from '../../../src/registry/registrar';
import { MemoryStore } from './memory-store';

const by = { requestId: '8f14e45f-ceea-467f-a2d1-3f1c0c4b7a10', correlationId: 'c' };
const detector = (name: string, rest: object = {}, over: Partial<NewDetector> = {}): NewDetector => ({
  registration: detectorRegistrationSchema.parse({ name, endpoint: 'http://127.0.0.1:9', ...rest }),
  trafficPercent: null,
  ttlSeconds: null,
  ...over,
});
const endpoint = (url: string, rest: object = {}) => endpointSchema.parse({ url, ...rest });
const unverified = { verify: false, force: false };

describe('Registrar', () => {
  let store: MemoryStore;
  let registrar: Registrar;
  let fault: string | null;
  let refreshed: number;
  let changed: string[];
  let ended: string[];
  let unreachable: string[];
  let asked: string[];
  beforeEach(() => {
    store = new MemoryStore();
    fault = null;
    refreshed = 0;
    [changed, ended, unreachable, asked] = [[], [], [], []];
    registrar = new Registrar({
      store,
      complete: (registration) => {
        asked.push(registration.name);
        return Promise.resolve(registration);
      },
      quotaOf: (tenantId) => (tenantId === 'acme' ? 2 : null),
      tenantSecrets: { acme: ['env:ACME_', 'vault:secret/data/acme/'] },
      refresh: () => Promise.resolve(void (refreshed += 1)),
      verify: () => Promise.resolve(fault),
      unreachable: (id, reason) => Promise.resolve(void unreachable.push(`${id}: ${reason}`)),
      ended: (operation, outcome) => void ended.push(`${operation} ${outcome}`),
      changed: (names) => Promise.resolve(void changed.push(...names)),
    });
  });
  const shares = () =>
    Object.fromEntries([...store.entries.values()].map((one) => [one.endpoint_id, one.traffic_percent]));

  describe('of detectors', () => {
    it('registers one, effective here when it returns [3.2]', async () => {
      const entry = await registrar.registerDetector(detector('a'), true, by);
      expect(entry).toMatchObject({
        endpoint_id: 'a@1.0',
        source: 'manual',
        status: 'active',
        traffic_percent: 100,
      });
      expect([store.ids, refreshed, changed]).toEqual([['a@1.0'], 1, ['a']]);
    });

    it('refuses a second one of the same name and version, and leaves one of a hundred at once [R3]', async () => {
      const attempts = await Promise.allSettled(
        Array.from({ length: 100 }, (_, index) =>
          registrar.registerDetector(detector('a', { endpoint: `http://127.0.0.1:${index + 1}` }), false, by),
        ),
      );
      expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      const refusals = attempts.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
      expect(refusals[0]).toMatchObject({ status: 409, detail: 'detector_exists' });
      expect(store.ids).toEqual(['a@1.0']);
    });

    it('gives a tenant as many as its quota, however many it asks for at once [F.4]', async () => {
      const register = (name: string, tenant_id: string) =>
        registrar.registerDetector(detector(name, { tenant_scope: 'own', tenant_id }), false, by);
      const attempts = await Promise.allSettled(['a', 'b', 'c', 'd'].map((name) => register(name, 'acme')));
      expect(attempts.map(({ status }) => status).toSorted()).toEqual([
        'fulfilled',
        'fulfilled',
        'rejected',
        'rejected',
      ]);
      await expect(register('e', 'acme')).rejects.toMatchObject({ status: 400, detail: 'quota_exceeded' });
      for (const name of ['a', 'b', 'c']) await register(name, 'globex');
      await registrar.registerDetector(detector('shared'), false, by);
      const { registration } = detector('a', { tenant_scope: 'own', tenant_id: 'acme' });
      await registrar.replaceDetector('acme:a@1.0', registration, false, by);
      await registrar.removeDetector('acme:a@1.0', by);
      expect(await register('e', 'acme')).toMatchObject({ endpoint_id: 'acme:e@1.0' });
    });

    it.each([
      [{ secret_ref: 'env:ORCHESTRATION_JWT_SECRET_KEY' }, 'auth_config.secret_ref'],
      [{ secret_ref: 'env:GLOBEX_KEY' }, 'auth_config.secret_ref'],
      [{ secret_ref: 'vault:secret/data/acme/../globex#key' }, 'auth_config.secret_ref'],
      [{ secret_ref: 'vault:secret/data/acme/%2e%2e/globex#key' }, 'auth_config.secret_ref'],
      [{ secret_ref: 'env:ACME_KEY', tls: { ca_ref: 'file:/etc/ca.pem' } }, 'auth_config.tls.ca_ref'],
    ])('gives a detector of a tenant no secret of others: %j', async (auth_config, path) => {
      const own = { tenant_scope: 'own', tenant_id: 'acme', auth_type: 'bearer_token', auth_config };
      const refusal = { detail: 'secret_not_allowed', fieldErrors: [{ path }] };
      await expect(registrar.registerDetector(detector('a', own), true, by)).rejects.toMatchObject(refusal);
      const { registration } = detector('a', own);
      await expect(registrar.replaceDetector('acme:a@1.0', registration, true, by)).rejects.toMatchObject(
        refusal,
      );
      expect([asked, store.ids]).toEqual([[], []]);
    });

    it('gives a tenant the secrets that it may name, one without any none, and the installation all', async () => {
      const register = (of: object, reference: string) =>
        registrar.registerDetector(
          detector('a', { ...of, auth_type: 'bearer_token', auth_config: { secret_ref: reference } }),
          false,
          by,
        );
      const own = (tenant_id: string) => ({ tenant_scope: 'own', tenant_id });
      await register(own('acme'), 'env:ACME_KEY');
      await register({}, 'env:SHARED_KEY');
      await expect(register(own('globex'), 'env:GLOBEX_KEY')).rejects.toMatchObject({
        detail: 'secret_not_allowed',
      });
      const bedrock = {
        protocol: 'bedrock-guardrail',
        params: {
          region: 'eu-west-1',
          guardrail_id: 'g',
          access_key: { id_ref: 'env:ACME_ID', secret_ref: 'env:AWS_SECRET_ACCESS_KEY' },
        },
      };
      await expect(
        registrar.registerDetector(detector('b', { ...own('acme'), ...bedrock }), false, by),
      ).rejects.toMatchObject({ fieldErrors: [{ path: 'params.access_key.secret_ref' }] });
      expect(store.ids.toSorted()).toEqual(['a@1.0', 'acme:a@1.0']);
    });

    it("tells tenants' detectors of one name apart", async () => {
      await registrar.registerDetector(detector('a'), false, by);
      const own = { tenant_scope: 'own', tenant_id: 'acme' };
      expect((await registrar.registerDetector(detector('a', own), false, by)).endpoint_id).toBe(
        'acme:a@1.0',
      );
    });

    it('refuses one that is not what it says, with the reason [R8]', async () => {
      fault = 'it said clean of a sample that it must flag';
      await expect(registrar.registerDetector(detector('a'), true, by)).rejects.toMatchObject({
        code: 'ENDPOINT_UNREACHABLE',
        status: 422,
        options: { details: { endpoint_id: 'a@1.0', reason: fault } },
      });
      expect(store.ids).toEqual([]);
      await registrar.registerDetector(detector('a'), false, by);
      expect(store.ids).toEqual(['a@1.0']);
    });

    it('refuses the id of an upstream of another kind', async () => {
      await registrar.registerEndpoint(
        endpoint('https://x.example', { name: 'a', version: '1.0' }),
        unverified,
        by,
      );
      await expect(registrar.registerDetector(detector('a'), false, by)).rejects.toMatchObject({
        code: 'ENDPOINT_CONFLICT',
      });
    });

    it('gives another version no traffic until it is told to', async () => {
      await registrar.registerDetector(detector('a'), false, by);
      await registrar.registerDetector(detector('a', { version: '2.0' }), false, by);
      expect(shares()).toEqual({ 'a@1.0': 100, 'a@2.0': 0 });
      const greedy = detector('a', { version: '3.0' }, { trafficPercent: 5 });
      await expect(registrar.registerDetector(greedy, false, by)).rejects.toMatchObject({
        detail: 'traffic_sum',
        fieldErrors: [{ path: 'traffic_percent' }],
      });
    });

    it('refuses one that would wait for itself, and leaves all as it was', async () => {
      const refusal = {
        status: 400,
        detail: 'dependency_cycle',
        fieldErrors: [{ path: 'depends_on' }],
      };
      const waiting = (name: string, ...depends_on: string[]) => detector(name, { depends_on });
      await expect(registrar.registerDetector(waiting('a', 'a'), false, by)).rejects.toMatchObject(refusal);
      await registrar.registerDetector(waiting('a', 'b'), false, by);
      await registrar.registerDetector(waiting('b', 'gone'), false, by);
      await expect(registrar.registerDetector(waiting('gone', 'a'), false, by)).rejects.toMatchObject({
        message: 'detectors depend on each other: gone -> a -> b -> gone',
      });
      const { registration } = waiting('b', 'a');
      await expect(registrar.replaceDetector('b@1.0', registration, false, by)).rejects.toMatchObject(
        refusal,
      );
      expect(store.ids).toEqual(['a@1.0', 'b@1.0']);
    });

    it('refuses a cycle in the sight of whoever has it, and of nobody else', async () => {
      const of = (tenant_id: string, name: string, ...depends_on: string[]) =>
        detector(name, { tenant_scope: 'own', tenant_id, depends_on });
      await registrar.registerDetector(of('acme', 'a', 'b'), false, by);
      await registrar.registerDetector(of('other', 'b', 'a'), false, by);
      await expect(registrar.registerDetector(of('acme', 'b', 'a'), false, by)).rejects.toThrow(/a -> b/);
      const shared = detector('b', { depends_on: ['a'] });
      await expect(registrar.registerDetector(shared, false, by)).rejects.toThrow(/a -> b/);
    });

    it('splits traffic; what is not named gets none', async () => {
      for (const version of ['1.0', '2.0', '3.0'])
        await registrar.registerDetector(detector('a', { version }), false, by);
      await registrar.splitTraffic('a', null, { '1.0': 95, '3.0': 5 }, by);
      expect(shares()).toEqual({ 'a@1.0': 95, 'a@2.0': 0, 'a@3.0': 5 });
    });

    it.each([
      [{ '1.0': 95 }, 'traffic_sum'],
      [{ '1.0': 95, '9.0': 5 }, 'unknown_version'],
      [{}, 'traffic_sum'],
    ])('refuses the split %j', async (versions, detail) => {
      await registrar.registerDetector(detector('a'), false, by);
      await expect(registrar.splitTraffic('a', null, versions, by)).rejects.toMatchObject({
        status: 400,
        detail,
      });
      expect(shares()).toEqual({ 'a@1.0': 100 });
    });

    it('replaces and removes; what is not there is not found', async () => {
      const { registration_time: since } = await registrar.registerDetector(detector('a'), false, by);
      const { registration } = detector('a', { timeout_ms: 100 });
      const replaced = await registrar.replaceDetector('a@1.0', registration, true, by);
      expect(replaced).toMatchObject({ registration_time: since, detector: { timeout_ms: 100 } });
      await registrar.removeDetector('a@1.0', by);
      expect(store.ids).toEqual([]);
      const missing = { status: 404, detail: 'detector_not_found' };
      await expect(registrar.removeDetector('a@1.0', by)).rejects.toMatchObject(missing);
      await expect(registrar.replaceDetector('a@1.0', registration, false, by)).rejects.toMatchObject(
        missing,
      );
      await expect(registrar.splitTraffic('a', null, { '1.0': 100 }, by)).rejects.toMatchObject(missing);
    });

    it('keeps one that registers itself as long as it beats', async () => {
      await registrar.registerDetector(detector('a', {}, { ttlSeconds: 30 }), false, by);
      expect(store.entries.get('a@1.0')).toMatchObject({
        source: 'discovery',
        origin: 'heartbeat',
        ttl_seconds: 30,
      });
      await registrar.heartbeat('a@1.0');
      expect(store.beats).toEqual(['a@1.0']);
      await registrar.registerDetector(detector('b'), false, by);
      await expect(registrar.heartbeat('b@1.0')).rejects.toMatchObject({ status: 404 });
    });
  });

  describe('of endpoints', () => {
    it('registers, then updates under the same id and address, keeping since when [R6]', async () => {
      const first = await registrar.registerEndpoint(
        endpoint('https://x.example', { name: 'llm' }),
        unverified,
        by,
      );
      const second = await registrar.registerEndpoint(
        endpoint('https://X.example:443/', { name: 'llm', timeout: 60 }),
        unverified,
        by,
      );
      expect([first.isNew, second.isNew]).toEqual([true, false]);
      expect(second.entry.registration_time).toBe(first.entry.registration_time);
      expect(store.entries.get('llm')?.endpoint?.timeout).toBe(60);
    });

    it.each([
      ['the id with another address', { name: 'llm' }, 'https://y.example'],
      ['the address under another id', { name: 'other' }, 'https://x.example/'],
    ])('refuses %s, naming both [R2] [R8]', async (_what, rest, url) => {
      await registrar.registerEndpoint(endpoint('https://x.example', { name: 'llm' }), unverified, by);
      await expect(registrar.registerEndpoint(endpoint(url, rest), unverified, by)).rejects.toMatchObject({
        code: 'ENDPOINT_CONFLICT',
        options: {
          details: {
            endpoint_id: rest.name,
            endpoint_url: url,
            conflicting_id: 'llm',
            conflicting_url: 'https://x.example',
          },
        },
      });
    });

    it('refuses an unreachable one with the reason, unless forced or disabled [R8]', async () => {
      fault = 'it cannot be reached (ECONNREFUSED)';
      const verified = { verify: true, force: false };
      const config = endpoint('https://x.example', { name: 'llm' });
      await expect(registrar.registerEndpoint(config, verified, by)).rejects.toMatchObject({
        code: 'ENDPOINT_UNREACHABLE',
        message: expect.stringContaining('ECONNREFUSED') as string,
      });
      expect(unreachable).toEqual([]);
      const forced = await registrar.registerEndpoint(config, { verify: true, force: true }, by);
      expect(forced).toMatchObject({ isNew: true, fault });
      expect(unreachable).toEqual([`llm: ${fault}`]);
      await registrar.registerEndpoint(
        endpoint('https://y.example', { name: 'off', disabled: true }),
        verified,
        by,
      );
      expect(store.entries.get('off')?.status).toBe('disabled');
    });

    it('tells how every change has ended [R9]', async () => {
      await registrar.registerEndpoint(endpoint('https://x.example', { name: 'llm' }), unverified, by);
      await registrar.setStatus('llm', 'inactive', by);
      await registrar.removeEndpoint('llm', by);
      await expect(registrar.removeEndpoint('llm', by)).rejects.toThrow();
      fault = 'no answer';
      await expect(registrar.registerDetector(detector('a'), true, by)).rejects.toThrow();
      store.change = () => Promise.reject(new Error('the store is away'));
      await expect(registrar.removeEndpoint('llm', by)).rejects.toThrow();
      expect(ended).toEqual([
        'register success',
        'status success',
        'unregister success',
        'unregister refused',
        'register refused',
        'unregister error',
      ]);
    });

    it('changes a status and removes [R6]', async () => {
      await registrar.registerEndpoint(endpoint('https://x.example', { name: 'llm' }), unverified, by);
      await registrar.setStatus('llm', 'inactive', by);
      expect(store.entries.get('llm')?.status).toBe('inactive');
      await registrar.removeEndpoint('llm', by);
      expect(store.ids).toEqual([]);
      const missing = { code: 'ENDPOINT_NOT_FOUND', status: 404 };
      await expect(registrar.setStatus('llm', 'active', by)).rejects.toMatchObject(missing);
      await expect(registrar.removeEndpoint('llm', by)).rejects.toMatchObject(missing);
    });
  });
});
