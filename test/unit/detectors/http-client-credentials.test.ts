import { DetectorHttpClient } from '../../../src/detectors/http-client';
import { Outbound } from '../../../src/outbound/outbound';
import { Secrets } from '../../../src/outbound/secrets';
import type { OutboundAuth } from '../../../src/contract/outbound-auth';
import { TokenEndpoint } from '../../support/token-endpoint';
import { raw, status } from '../../support/fake-detectors';
import { upstream } from './adapter-support';

describe('DetectorHttpClient, with credentials', () => {
  const { server, never } = upstream();
  const issuer = new TokenEndpoint();
  const settings = { hosts: null, privateHosts: [], privateNetworks: true, ownUrls: [] };
  let outbound: Outbound;
  let oauth2: OutboundAuth;
  beforeAll(async () => {
    oauth2 = {
      auth_type: 'oauth2',
      auth_config: {
        token_url: await issuer.listen(),
        client_id_ref: 'env:ID',
        client_secret_ref: 'env:SECRET',
      },
    };
  });
  beforeEach(() => {
    issuer.requests.splice(0);
    outbound = new Outbound(settings, {
      secrets: new Secrets({ env: async (name) => (name === 'NONE' ? '' : name) }),
    });
  });
  afterEach(() => outbound.close());
  afterAll(() => issuer.close());

  const post = (call: OutboundAuth, headers = {}, from = outbound) =>
    new DetectorHttpClient(from).post({
      called: { detector: 'judge', call },
      url: `${server.url}/judge`,
      headers,
      body: {},
      signal: never,
    });
  const shown = () => server.calls.map(({ headers }) => headers.authorization);

  it('shows an OAuth2 token, the same in every call', async () => {
    server.behave('judge', raw('1'));
    await post(oauth2);
    await post(oauth2);
    expect(shown()).toEqual(['Bearer token-1', 'Bearer token-1']);
  });

  it('fetches a token anew, once, when the detector refuses it', async () => {
    server.behave('judge', (call, response) =>
      (call.headers.authorization === 'Bearer token-2' ? raw('1') : status(401))(call, response),
    );
    await expect(post(oauth2)).resolves.toBe(1);
    expect(shown()).toEqual(['Bearer token-1', 'Bearer token-2']);
    server.behave('judge', status(401));
    await expect(post(oauth2)).rejects.toMatchObject({
      failure: 'http_4xx',
      options: { status: 401, retryable: false },
    });
    expect(shown()).toEqual(['Bearer token-1', 'Bearer token-2', 'Bearer token-2', 'Bearer token-3']);
  });

  it('does not repeat a refused call with the same secret', async () => {
    server.behave('judge', status(401));
    const call = { auth_type: 'bearer_token', auth_config: { secret_ref: 'env:TOKEN' } } as const;
    await expect(post(call)).rejects.toMatchObject({ failure: 'http_4xx' });
    expect(shown()).toEqual(['Bearer TOKEN']);
  });

  it('lets no other header of the same name beside its own', async () => {
    server.behave('judge', raw('1'));
    const call = { auth_type: 'api_key', auth_config: { header: 'X-Key', secret_ref: 'env:TOKEN' } } as const;
    await post(call, { 'x-KEY': 'another', 'x-other': 'kept' });
    expect(server.calls[0]!.headers).toMatchObject({ 'x-key': 'TOKEN', 'x-other': 'kept' });
  });

  it('takes credentials that cannot be had like refused ones, and does not say which they are', async () => {
    const call = { auth_type: 'bearer_token', auth_config: { secret_ref: 'env:NONE' } } as const;
    await expect(post(call)).rejects.toMatchObject({
      failure: 'http_4xx',
      message: 'the credentials for the detector cannot be had',
      options: { status: 401, retryable: false },
    });
    expect(server.calls).toEqual([]);
  });

  it('takes a target that must not be called as a fault that no repeat mends', async () => {
    const closed = new Outbound({ ...settings, privateNetworks: false });
    await expect(post({ auth_type: 'none', auth_config: {} }, {}, closed)).rejects.toMatchObject({
      failure: 'network_error',
      message: 'the host leads to a private network',
      failureCause: 'bad_request',
      options: { retryable: false },
    });
    expect(server.calls).toEqual([]);
    await closed.close();
  });

  it('remembers who refuses our credentials, to calls and to probes, until they are taken', async () => {
    const http = new DetectorHttpClient(outbound);
    const called = {
      detector: 'judge',
      call: { auth_type: 'bearer_token', auth_config: { secret_ref: 'env:TOKEN' } } as const,
    };
    const url = `${server.url}/judge`;
    const call = () => http.post({ called, url, headers: {}, body: {}, signal: never });
    server.behave('judge', status(401));
    await expect(call()).rejects.toMatchObject({ failureCause: 'credentials' });
    expect(http.credentials.areRefusedAt(url)).toBe(true);
    expect(await http.probe(`${server.url}/health`, called, 2000)).toBe(true);
    expect(http.credentials.areRefusedAt(url)).toBe(false);
    const lacking = {
      ...called,
      call: { auth_type: 'bearer_token', auth_config: { secret_ref: 'env:NONE' } } as const,
    };
    expect(await http.probe(`${server.url}/health`, lacking, 2000)).toBe(false);
    expect(http.credentials.areRefusedAt(url)).toBe(true);
  });
});
