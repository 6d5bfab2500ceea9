import request from 'supertest';
import { detectorInfoSchema } from '../../../src/contract/detector-info';
import { ConclaveError, GatewayError } from '../../../src/contract/errors';
import type { DetectorRegistration } from '../../../src/contract/registration';
import { detectorTestedSchema, trafficChangedSchema } from '../../../src/contract/registry-api';
import type { RegistryEntry } from '../../../src/contract/registry-entry';
import type { NewDetector } from '../../../src/registry/registrar';
import { listedDetector } from '../../../src/registry/registry-file';
import { registeredByHand } from '../../support/registered-by-hand';
import { type AppOptions, appWith, expectError, registration, watched } from './support';

const path = '/api/v1/detectors';
const endpoint = 'http://127.0.0.1:9';

interface Registered extends NewDetector {
  readonly verify: boolean;
}

async function facade(options: AppOptions = {}) {
  const registered: Registered[] = [];
  const detectors = await watched([
    registration('pii'),
    registration('pii', { version: '2.0' }),
    registration('mine', { tenant_scope: 'own', tenant_id: 'acme' }),
  ]);
  const app = await appWith({
    detectors,
    ...options,
    registrar: {
      registerDetector: (detector, verify) => {
        registered.push({ ...detector, verify });
        return Promise.resolve(entryOf(detector.registration));
      },
      ...options.registrar,
    },
  });
  return { app, registered };
}
/** As it is registered: no directory has it before that is committed. */
const entryOf = (detector: DetectorRegistration): RegistryEntry => ({
  ...listedDetector(detector),
  ...registeredByHand,
});
const as = (tenant: string) => ({ 'X-Tenant-ID': tenant });

describe('POST /detectors', () => {
  it('registers for all, with its canary, and says where it is', async () => {
    const { app, registered } = await facade();
    const response = await request(app).post(path).send({ name: 'new', endpoint });
    expect([response.status, response.headers['location']]).toEqual([201, '/api/v1/detectors/new@1.0']);
    expect(detectorInfoSchema.parse(response.body)).toMatchObject({
      name: 'new',
      endpoint,
      status: 'active',
      source: 'manual',
      created_at: '2026-11-21T10:00:00.000Z',
    });
    expect(registered).toMatchObject([
      {
        registration: { name: 'new', version: '1.0', tenant_scope: 'shared' },
        trafficPercent: null,
        ttlSeconds: null,
        verify: true,
      },
    ]);
  });

  it.each([
    [{ verify: false }, { verify: false }],
    [{ force: true }, { verify: false }],
    [{ traffic_percent: 0 }, { trafficPercent: 0 }],
    [{ ttl_seconds: 60 }, { ttlSeconds: 60 }],
  ])('takes %j', async (fields, expected) => {
    const { app, registered } = await facade();
    expect(
      (
        await request(app)
          .post(path)
          .send({ name: 'new', endpoint, ...fields })
      ).status,
    ).toBe(201);
    expect(registered).toMatchObject([expected]);
  });

  it('registers for the tenant that asks, and for nobody else', async () => {
    const { app, registered } = await facade();
    const post = (body: object) =>
      request(app)
        .post(path)
        .set(as('acme'))
        .send({ name: 'new', endpoint, ...body });
    await post({});
    expect(registered).toMatchObject([{ registration: { tenant_scope: 'own', tenant_id: 'acme' } }]);
    expectError(await post({ tenant_scope: 'shared' }), {
      code: 'INSUFFICIENT_RBAC',
      detail: 'shared_needs_platform',
    });
    expectError(await post({ tenant_id: 'other' }), { code: 'INSUFFICIENT_RBAC', detail: 'tenant_mismatch' });
  });

  it.each([
    [{ endpoint }, 'name'],
    [{ name: 'new' }, 'endpoint'],
    [{ name: 'new', endpoint, speed: 9 }, 'speed'],
    [{ name: 'new', endpoint, ttl_seconds: 1 }, 'ttl_seconds'],
    [
      { name: 'new', endpoint, auth_type: 'bearer_token', auth_config: { secret_ref: 'hunter2' } },
      'auth_config.secret_ref',
    ],
  ])('refuses %j, naming the field', async (body, at) => {
    const { app, registered } = await facade();
    const response = await request(app).post(path).send(body);
    expectError(response, { detail: 'validation_failed', paths: [at] });
    expect(response.text).not.toContain('hunter2');
    expect(registered).toEqual([]);
  });

  it('answers 409 to one that is there, and 422 with the reason to one that is not what it says', async () => {
    const exists = new ConclaveError('INVALID_REQUEST', 'is registered', {
      status: 409,
      detail: 'detector_exists',
    });
    const refusing = async (error: Error) =>
      request((await facade({ registrar: { registerDetector: () => Promise.reject(error) } })).app)
        .post(path)
        .send({ name: 'new', endpoint });
    expectError(await refusing(exists), { status: 409, detail: 'detector_exists' });
    const reason = 'it said clean of a sample that it must flag';
    const unreachable = await refusing(
      new GatewayError('ENDPOINT_UNREACHABLE', reason, { details: { reason } }),
    );
    expect(unreachable.status).toBe(422);
    expect(unreachable.body).toMatchObject({ code: 'ENDPOINT_UNREACHABLE', details: { reason } });
  });
});

describe('PUT and DELETE /detectors/{name}', () => {
  it('mean the highest version, or the one that is named', async () => {
    const touched: string[] = [];
    const { app } = await facade({
      registrar: {
        replaceDetector: (id, detector) => (touched.push(`put ${id}`), Promise.resolve(entryOf(detector))),
        removeDetector: (id) => (touched.push(`delete ${id}`), Promise.resolve()),
      },
    });
    const replaced = await request(app).put(`${path}/pii`).send({ endpoint, timeout_ms: 100 });
    expect([replaced.status, detectorInfoSchema.parse(replaced.body).timeout_ms]).toEqual([200, 100]);
    expect((await request(app).put(`${path}/pii@1.0`).send({ endpoint })).status).toBe(200);
    expect((await request(app).delete(`${path}/pii@1.0`)).status).toBe(204);
    expect((await request(app).delete(`${path}/mine`).set(as('acme'))).status).toBe(204);
    expect(touched).toEqual(['put pii@2.0', 'put pii@1.0', 'delete pii@1.0', 'delete acme:mine@1.0']);
  });

  it('refuse a body about another detector', async () => {
    const { app } = await facade();
    const response = await request(app).put(`${path}/pii`).send({ name: 'other', endpoint });
    expectError(response, { detail: 'validation_failed', paths: ['name'] });
  });

  it("find neither what is not there, nor another tenant's, nor, for a tenant, what all share", async () => {
    const { app } = await facade();
    for (const response of [
      await request(app).delete(`${path}/nobody`),
      await request(app).delete(`${path}/mine`),
      await request(app).delete(`${path}/mine`).set(as('other')),
      await request(app).delete(`${path}/pii`).set(as('acme')),
      await request(app).put(`${path}/pii@9.0`).send({ endpoint }),
    ])
      expectError(response, { status: 404, detail: 'detector_not_found' });
  });
});

describe('the other writes', () => {
  it('split traffic among the versions of a name', async () => {
    const splits: unknown[] = [];
    const { app } = await facade({
      registrar: {
        splitTraffic: (...args) => {
          splits.push(args.slice(0, 3));
          const entry = { ...listedDetector(registration('pii')), traffic_percent: 100 };
          return Promise.resolve([entry] as never);
        },
      },
    });
    const response = await request(app)
      .put(`${path}/pii/traffic`)
      .send({ versions: { '1.0': 100 } });
    expect(trafficChangedSchema.parse(response.body)).toEqual({ name: 'pii', versions: { '1.0': 100 } });
    expect(splits).toEqual([['pii', null, { '1.0': 100 }]]);
    const wrong = await request(app)
      .put(`${path}/pii/traffic`)
      .send({ versions: { '1.0': 101 } });
    expectError(wrong, { detail: 'validation_failed', paths: ['versions.1.0'] });
  });

  it('take heartbeats', async () => {
    const beats: string[] = [];
    const { app } = await facade({ registrar: { heartbeat: (id) => (beats.push(id), Promise.resolve()) } });
    expect((await request(app).post(`${path}/pii@1.0/heartbeat`)).status).toBe(204);
    expect(beats).toEqual(['pii@1.0']);
  });

  it('try a detector with a content, or with its canary', async () => {
    const { app } = await facade({
      tryDetector: (detector, content) =>
        Promise.resolve({
          result: { output: content ?? detector.name, confidence: 0.9, processing_time_ms: 3 },
          reason: content === undefined ? 'missed' : null,
        }),
    });
    const tried = (body: object) => request(app).post(`${path}/pii@1.0/test`).send(body);
    expect(detectorTestedSchema.parse((await tried({})).body)).toEqual({
      detector: 'pii',
      version: '1.0',
      ok: false,
      reason: 'missed',
      output: 'pii',
      confidence: 0.9,
      processing_time_ms: 3,
    });
    expect((await tried({ content: 'a text' })).body).toMatchObject({ ok: true, output: 'a text' });
  });
});
