import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { detectorRegistrationSchema } from '../../../src/contract/registration';
import { endpointSchema } from '../../../src/contract/upstream';
import { faultOf } from '../../../src/detectors/reachability';
import { Outbound } from '../../../src/outbound/outbound';

const settings = { hosts: null, privateHosts: [], ownUrls: [] };

describe('faultOf', () => {
  let server: Server;
  let url: string;
  const outbound = new Outbound({ ...settings, privateNetworks: true });
  beforeAll(async () => {
    server = createServer((request, response) => {
      const healthy = request.url === '/health' || request.url === '/up';
      response.writeHead(healthy ? 200 : 404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    await outbound.close();
    server.close();
  });

  const detector = (rest: object) => detectorRegistrationSchema.parse({ name: 'd', endpoint: url, ...rest });

  it('wants a detector to be healthy', async () => {
    expect(await faultOf(detector({}), outbound)).toBeNull();
    expect(await faultOf(detector({ health_check_path: '/up' }), outbound)).toBeNull();
    expect(await faultOf(detector({ health_check_path: '/other' }), outbound)).toBe(
      'its health path answered 404',
    );
  });

  it('asks nothing of one whose protocol has no place for its health', async () => {
    expect(await faultOf(detector({ protocol: 'openai-moderations' }), outbound)).toBeNull();
  });

  it('wants of any other upstream that it answers at all', async () => {
    expect(await faultOf(endpointSchema.parse({ url: `${url}/base` }), outbound)).toBeNull();
    const closed = endpointSchema.parse({ url: 'http://127.0.0.1:1' });
    expect(await faultOf(closed, outbound)).toBe('it cannot be reached (ECONNREFUSED)');
  });

  it('names a secret that is not there, and a target that is not allowed', async () => {
    const secret = { auth_type: 'bearer_token', auth_config: { secret_ref: 'env:NO_SUCH_SECRET_7' } };
    expect(await faultOf(detector(secret), outbound)).toContain('NO_SUCH_SECRET_7');
    const strict = new Outbound({ ...settings, privateNetworks: false });
    expect(await faultOf(detector({}), strict)).toMatch(/^it cannot be reached \(.+\)$/);
    await strict.close();
  });
});
