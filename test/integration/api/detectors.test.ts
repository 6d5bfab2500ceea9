import {
  type DetectorInfo,
  detectorHealthSchema,
  detectorInfoSchema,
  type DetectorList,
  detectorListSchema,
} from '../../../src/contract/detector-info';
import { expectContractError } from '../../support/contract-error';
import { System } from '../../support/system';

const secretHeader = 'static-header-value-8142';
const secretParam = 'parameter-value-5577';

let system: System;
beforeAll(async () => {
  system = await System.start({
    parts: ['api'],
    env: { TEST_DETECTOR_TOKEN: 'token-value-9931' },
    detectors: [
      { name: 'text-only', detector_type: 'classifier' },
      {
        name: 'images',
        detector_type: 'vision',
        capabilities: { supported_content_types: ['image'] },
        auth_type: 'bearer_token',
        auth_config: { secret_ref: 'env:TEST_DETECTOR_TOKEN' },
        params: { key: secretParam },
      },
      {
        name: 'mapped',
        protocol: 'http-json',
        http: {
          headers: { 'x-static': secretHeader },
          request: { text: '{{content}}' },
          response: { label: '/label' },
        },
      },
      { name: 'private', tenant_scope: 'own', tenant_id: 'acme' },
      { name: 'down', endpoint: 'http://127.0.0.1:1' },
    ],
    policies: { 'demo/default': { policy: { required_detectors: ['text-only'] } } },
  });
});
afterAll(() => system?.stop());

async function list(query = '', headers: Record<string, string> = {}): Promise<DetectorList> {
  const answer = await system.request('GET', `/detectors${query}`, undefined, headers);
  expect(answer.status).toBe(200);
  return detectorListSchema.parse(answer.body);
}
const namesOf = ({ detectors }: DetectorList): string[] => detectors.map(({ name }) => name);

describe('GET /detectors', () => {
  it('lists the shared detectors by name, and those of the tenant that asks', async () => {
    const shared = ['down', 'images', 'mapped', 'text-only'];
    expect(namesOf(await list())).toEqual(shared);
    expect(namesOf(await list('', { 'X-Tenant-ID': 'acme' }))).toEqual([...shared, 'private'].toSorted());
    expect(namesOf(await list('', { 'X-Tenant-ID': 'other' }))).toEqual(shared);
  });

  it('leads through all pages, each detector once', async () => {
    const seen: string[] = [];
    let token: string | undefined;
    do {
      const page = await list(`?limit=3${token === undefined ? '' : `&page_token=${token}`}`);
      expect(page.total_count).toBe(4);
      expect(page.detectors.length).toBeLessThanOrEqual(3);
      seen.push(...namesOf(page));
      token = page.next_page_token;
    } while (token !== undefined);
    expect(seen).toEqual(['down', 'images', 'mapped', 'text-only']);
    expect((await list('?limit=4')).next_page_token).toBeUndefined();
  });

  it.each([
    ['content_type=image', ['images']],
    ['content_type=text', ['down', 'mapped', 'text-only']],
    ['detector_type=classifier', ['text-only']],
    ['detector_type=down', ['down']],
    ['detector_type=nothing', []],
    ['status=active&limit=1', ['down']],
    ['status=inactive', []],
    ['content_type=image&detector_type=classifier', []],
  ])('filters by %s', async (query, expected) => {
    expect(namesOf(await list(`?${query}`))).toEqual(expected);
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=many', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['content_type=audio', 'content_type'],
    ['status=gone', 'status'],
    [`page_token=${'x'.repeat(301)}`, 'page_token'],
    ['offset=3', 'offset'],
  ])('refuses ?%s, naming the parameter', async (query, path) => {
    const answer = await system.request('GET', `/detectors?${query}`);
    expectContractError(answer, { detail: 'validation_failed', paths: [path] });
  });

  it('refuses a malformed tenant header', async () => {
    const answer = await system.request('GET', '/detectors', undefined, { 'X-Tenant-ID': 'a b' });
    expectContractError(answer, { detail: 'invalid_tenant_header', paths: ['X-Tenant-ID'] });
  });

  it('shows no secret, no reference to one, and nothing of how a detector is called', async () => {
    const { text } = await system.request('GET', '/detectors', undefined, { 'X-Tenant-ID': 'acme' });
    for (const secret of [
      'token-value-9931',
      'TEST_DETECTOR_TOKEN',
      secretHeader,
      secretParam,
      'auth_config',
    ]) {
      expect(text).not.toContain(secret);
    }
  });
});

describe('GET /detectors/{name}', () => {
  it('shows one detector with its capabilities and health', async () => {
    const { body } = await system.request<DetectorInfo>('GET', '/detectors/images');
    expect(detectorInfoSchema.parse(body)).toMatchObject({
      name: 'images',
      detector_type: 'vision',
      auth_type: 'bearer_token',
      status: 'active',
      health_status: 'healthy',
      is_healthy: true,
      circuit_breaker_state: 'closed',
      consecutive_failures: 0,
      capabilities: { supported_content_types: ['image'], max_content_length: 50_000 },
    });
  });

  it('shows the health of one that does not answer [17.2]', async () => {
    const { body } = await system.request('GET', '/detectors/down/health');
    const health = detectorHealthSchema.parse(body);
    expect(health).toMatchObject({
      detector: 'down',
      is_healthy: false,
      error_message: expect.stringMatching(/^no answer \(/) as string,
    });
    expect(health.consecutive_failures).toBeGreaterThan(0);
    expect(health.last_check).not.toBeNull();
  });

  it.each(['/detectors/nobody', '/detectors/nobody/health', '/detectors/private', '/detectors/__proto__'])(
    'answers 404 to %s',
    async (route) => {
      expectContractError(await system.request('GET', route), { status: 404, detail: 'detector_not_found' });
    },
  );

  it("answers 404 for another tenant's detector, 200 for one's own [C.9]", async () => {
    const asTenant = (tenant: string) =>
      system.request('GET', '/detectors/private', undefined, { 'X-Tenant-ID': tenant });
    expectContractError(await asTenant('other'), { status: 404, detail: 'detector_not_found' });
    expect((await asTenant('acme')).status).toBe(200);
  });
});
