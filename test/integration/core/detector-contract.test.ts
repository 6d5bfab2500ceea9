import type { DetectorInfo } from '../../../src/contract/detector-info';
import { type Behavior, findings, flags, inTurn, status } from '../../support/fake-detectors';
import { forgetful, patience } from '../../support/patience';
import { System } from '../../support/system';
import { TokenEndpoint } from '../../support/token-endpoint';

const said = {
  supported_content_types: ['text', 'code'],
  max_content_length: 1234,
  taxonomy_categories: ['PII.Contact'],
};

describe('The contract with a detector', () => {
  const issuer = new TokenEndpoint();
  let system: System;
  beforeAll(async () => {
    const token_url = await issuer.listen();
    system = await System.start({
      parts: ['api'],
      detectors: [
        'steady',
        { name: 'with-none' },
        {
          name: 'with-key',
          auth_type: 'api_key',
          auth_config: { header: 'X-Guard-Key', secret_ref: 'env:GUARD_KEY' },
        },
        { name: 'with-bearer', auth_type: 'bearer_token', auth_config: { secret_ref: 'env:GUARD_TOKEN' } },
        {
          name: 'with-basic',
          auth_type: 'basic_auth',
          auth_config: { username_ref: 'env:GUARD_USER', password_ref: 'env:GUARD_PASSWORD' },
        },
        {
          name: 'with-oauth2',
          auth_type: 'oauth2',
          auth_config: {
            token_url,
            client_id_ref: 'env:GUARD_USER',
            client_secret_ref: 'env:GUARD_PASSWORD',
            scope: 'judge',
          },
        },
        { name: 'flaky', max_retries: 3 },
      ],
      policies: { 'demo/default': { policy: { required_detectors: ['steady'] } } },
      env: {
        ...patience,
        ...forgetful,
        GUARD_KEY: 'the key',
        GUARD_TOKEN: 'the-token',
        GUARD_USER: 'conclave',
        GUARD_PASSWORD: 'pässword',
      },
    });
  });
  beforeEach(() => system.detectors.reset());
  afterAll(async () => {
    await system?.stop();
    issuer.close();
  });

  const ask = async (...required_detectors: string[]) => {
    const { status: code, body } = await system.orchestrate({ required_detectors });
    return { code, body };
  };
  const info = async (name: string) => (await system.request<DetectorInfo>('GET', `/detectors/${name}`)).body;
  const registration = (name: string, more: object = {}) => ({
    name,
    endpoint: system.detectors.url,
    verify: false,
    ...more,
  });
  const register = (name: string, more: object = {}) =>
    system.request<DetectorInfo>('POST', '/detectors', registration(name, more));

  it('shows each of the five kinds of credentials as the detector wants them [3.1]', async () => {
    const names = ['with-none', 'with-key', 'with-bearer', 'with-basic', 'with-oauth2'];
    expect((await ask(...names)).code).toBe(200);
    const shown = (name: string) => {
      const [call] = system.detectors.callsOf(name);
      return [call?.headers.authorization, call?.headers['x-guard-key']];
    };
    const basic = Buffer.from('conclave:pässword').toString('base64');
    expect(Object.fromEntries(names.map((name) => [name, shown(name)]))).toEqual({
      'with-none': [undefined, undefined],
      'with-key': [undefined, 'the key'],
      'with-bearer': ['Bearer the-token', undefined],
      'with-basic': [`Basic ${basic}`, undefined],
      'with-oauth2': [expect.stringMatching(/^Bearer token-\d+$/), undefined],
    });
    // One token serves probes, questions and calls.
    const before = issuer.requests.length;
    expect((await ask('with-oauth2')).code).toBe(200);
    expect(issuer.requests.length).toBe(before);
    for (const name of names) {
      expect(JSON.stringify(await info(name))).not.toMatch(/the key|the-token|pässword|GUARD_/);
    }
  });

  it('reads what a detector can do from itself, anew with each registration [3.1]', async () => {
    system.detectors.describe('able', said);
    const registered = await register('able');
    expect([registered.status, registered.body.capabilities]).toEqual([
      201,
      expect.objectContaining({ ...said, origin: 'fetched' }),
    ]);
    system.detectors.describe('able', { ...said, max_content_length: 99 });
    await system.request('PUT', '/detectors/able', registration('able'));
    expect((await info('able')).capabilities.max_content_length).toBe(99);
    const declared = { supported_content_types: ['image'] };
    await system.request('PUT', '/detectors/able', registration('able', { capabilities: declared }));
    expect((await info('able')).capabilities).toMatchObject({ ...declared, origin: 'declared' });
  });

  it('takes one that does not say for one that judges texts, until the registry file is read again [3.1]', async () => {
    const assumed = { supported_content_types: ['text'], max_content_length: 50_000, origin: 'assumed' };
    expect((await info('steady')).capabilities).toMatchObject(assumed);
    system.detectors.describe('steady', said);
    const reloaded = await system.request<{ changes: { updated: string[] } }>('POST', '/config/reload');
    expect(reloaded.body.changes.updated).toEqual(['steady@1.0']);
    expect((await info('steady')).capabilities).toMatchObject({ ...said, origin: 'fetched' });
  });

  it('reads how a detector is before it is used [3.1]', async () => {
    system.detectors.setHealthy('ill', false);
    const probed = { health_check_path: '/health/ill', verify: true };
    const refused = await register('ill', probed);
    expect([refused.status, JSON.stringify(refused.body)]).toEqual([
      422,
      expect.stringContaining('its health path answered 503'),
    ]);
    system.detectors.setHealthy('ill', true);
    expect((await register('ill', probed)).status).toBe(201);
  });

  it('asks a flaky detector again, after delays that grow [3.1]', async () => {
    const at: number[] = [];
    const noting =
      (then: Behavior): Behavior =>
      (call, response) => {
        at.push(performance.now());
        return then(call, response);
      };
    const fails = status(503);
    system.detectors.behave('flaky', noting(inTurn(fails, fails, fails, flags('toxic', 0.9))));
    const { code, body } = await ask('flaky');
    expect(code).toBe(200);
    expect(body.detector_results.find(({ detector }) => detector === 'flaky')).toMatchObject({
      status: 'success',
      metadata: { attempts: 4 },
    });
    const delays = at.slice(1).map((time, index) => time - at[index]!);
    // 100, 200 and 400 ms, each up to a fifth shorter; how much longer they are is the machine's doing.
    expect(delays.map((ms, index) => ms >= 80 * 2 ** index - 5)).toEqual([true, true, true]);
    system.detectors.behave('flaky', findings());
  });
});
