import request from 'supertest';
import { GatewayError } from '../../../src/contract/errors';
import {
  configEndpointsSchema,
  configReloadSchema,
  configStatusSchema,
  configVerdictSchema,
} from '../../../src/contract/registry-api';
import { parseRegistryFile } from '../../../src/registry/registry-file';
import { appWith, expectError } from './support';

const path = '/api/v1/config';
const text = `
detectors:
  - name: a
    endpoint: http://127.0.0.1:9
    auth_type: bearer_token
    auth_config: { secret_ref: "env:ZQ9_TOKEN" }
endpoints:
  - { name: llm, url: "https://llm.example", transform: { set_headers: { x-key: zq9-inline } } }
  - { url: "https://off.example", disabled: true }
`;
const parsed = parseRegistryFile(text);
if (!parsed.ok) throw new Error('the sample is invalid');
const { file } = parsed;
const status = {
  loaded: true,
  configPath: 'detectors.yaml',
  lastReload: new Date(0),
  version: null,
  lastReloadError: null,
  watching: true,
};
const plan = {
  added: ['a@1.0'],
  updated: [],
  removed: ['b@1.0'],
  unchanged: 3,
  errors: [],
  takenOver: [],
  writes: [],
};

describe('the config routes [C5]', () => {
  it('tell the state of the file and its versions', async () => {
    const app = await appWith({
      config: { status, file },
      versions: () =>
        Promise.resolve({
          current: '2-aaaaaaaaaaaa',
          history: [{ version: '2-aaaaaaaaaaaa', at: new Date(0), outcome: 'applied' as const }],
        }),
    });
    const { body } = await request(app).get(`${path}/status`);
    expect(configStatusSchema.parse(body)).toMatchObject({
      loaded: true,
      version: '2-aaaaaaaaaaaa',
      config_path: 'detectors.yaml',
      endpoints_count: 3,
      last_reload_error: null,
      history: [{ outcome: 'applied' }],
    });
  });

  it('show what the file lists, with secrets masked', async () => {
    const app = await appWith({ config: { status, file } });
    const response = await request(app).get(`${path}/endpoints`);
    const { endpoints, ...counts } = configEndpointsSchema.parse(response.body);
    expect(counts).toEqual({ total_count: 3, active_count: 2, disabled_count: 1 });
    expect(endpoints[0]).toMatchObject({
      endpoint_id: 'a@1.0',
      kind: 'detector',
      auth_config: { secret_ref: '***' },
    });
    expect(response.text.toLowerCase()).not.toContain('zq9');
  });

  it('say when there is no file', async () => {
    const app = await appWith({ config: { status, file: null } });
    const response = await request(app).get(`${path}/endpoints`);
    expect(response.status).toBe(404);
    expect(response.body).toMatchObject({ code: 'CONFIG_NOT_LOADED' });
  });

  it('reload it, telling the difference', async () => {
    const app = await appWith({
      config: { reload: () => Promise.resolve({ plan, version: '2-aaaaaaaaaaaa' }) },
    });
    const { body } = await request(app).post(`${path}/reload`);
    expect(configReloadSchema.parse(body)).toEqual({
      success: true,
      message: 'reloaded',
      endpoints_count: 4,
      errors: [],
      version: '2-aaaaaaaaaaaa',
      changes: { added: ['a@1.0'], updated: [], removed: ['b@1.0'], unchanged_count: 3 },
    });
  });

  it.each([
    ['CONFIG_INVALID', 422],
    ['RELOAD_IN_PROGRESS', 409],
  ] as const)('answer %s with %i', async (code, expected) => {
    const app = await appWith({ config: { reload: () => Promise.reject(new GatewayError(code, 'no')) } });
    const response = await request(app).post(`${path}/reload`);
    expect([response.status, (response.body as { code: string }).code]).toEqual([expected, code]);
  });

  it('judge a candidate', async () => {
    const faults = [{ path: 'detectors.0.endpoint', message: 'is required', line: 1, column: 4 }];
    const app = await appWith({
      config: {
        validate: (candidate) =>
          Promise.resolve(
            'configPath' in candidate ? ('outside' as const) : candidate.document === 1 ? faults : [],
          ),
      },
    });
    const judge = (body: object) => request(app).post(`${path}/validate`).send(body);
    expect(configVerdictSchema.parse((await judge({ document: {} })).body)).toMatchObject({
      valid: true,
      errors: [],
    });
    expect(configVerdictSchema.parse((await judge({ document: 1 })).body)).toEqual({
      valid: false,
      error_message: 'detectors.0.endpoint: is required',
      errors: faults,
      config_path: null,
    });
    expectError(await judge({ config_path: '../x' }), { detail: 'path_outside', paths: ['config_path'] });
    expect((await judge({})).status).toBe(400);
  });
});
