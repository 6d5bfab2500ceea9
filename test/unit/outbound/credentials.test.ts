import type { AuthType } from '../../../src/contract/outbound-auth';
import { Outbound } from '../../../src/outbound/outbound';
import { Secrets } from '../../../src/outbound/secrets';
import { TokenEndpoint } from '../../support/token-endpoint';

const values: Record<string, string> = {
  KEY: 'sesame',
  USER: 'us',
  PASSWORD: 'p:w',
  ID: 'conclave',
  SECRET: 's3',
};
const everywhere = { hosts: null, privateHosts: [], privateNetworks: true, ownUrls: [] };
const secret_ref = 'env:KEY';

describe('Credentials', () => {
  const issuer = new TokenEndpoint();
  let token_url = '';
  let now = 1_000_000;
  let outbound: Outbound;
  beforeAll(async () => {
    token_url = await issuer.listen();
  });
  beforeEach(() => {
    issuer.requests.splice(0);
    Object.assign(issuer, { expiresIn: 3600, status: 200 });
    outbound = new Outbound(everywhere, {
      secrets: new Secrets({ env: async (name) => values[name] }),
      now: () => now,
    });
  });
  afterEach(() => outbound.close());
  afterAll(() => issuer.close());

  const oauth2 = () => ({
    auth_type: 'oauth2' as const,
    auth_config: { token_url, client_id_ref: 'env:ID', client_secret_ref: 'env:SECRET', scope: 'judge all' },
  });
  const headers = (auth_type: AuthType, auth_config: Record<string, unknown>) =>
    outbound.credentials.headersFor({ auth_type, auth_config });

  it.each([
    ['none', {}, {}],
    ['api_key', { secret_ref }, { 'X-API-Key': 'sesame' }],
    ['api_key', { header: 'X-Other', secret_ref }, { 'X-Other': 'sesame' }],
    ['bearer_token', { secret_ref }, { Authorization: 'Bearer sesame' }],
    [
      'basic_auth',
      { username_ref: 'env:USER', password_ref: 'env:PASSWORD' },
      { Authorization: `Basic ${Buffer.from('us:p:w').toString('base64')}` },
    ],
  ] as const)('%s with %j gives %j', async (auth_type, auth_config, expected) => {
    expect(await headers(auth_type, auth_config)).toEqual(expected);
  });

  it('after a 401 gives a rotated secret, and nothing where there is no other', async () => {
    const auth = { auth_type: 'bearer_token', auth_config: { secret_ref } } as const;
    const shown = await outbound.credentials.headersFor(auth);
    expect(await outbound.credentials.renewed(auth, shown)).toBeNull();
    values['KEY'] = 'rotated';
    try {
      expect(await outbound.credentials.renewed(auth, shown)).toEqual({ Authorization: 'Bearer rotated' });
    } finally {
      values['KEY'] = 'sesame';
    }
  });

  describe('of OAuth2', () => {
    it('are fetched with client credentials', async () => {
      expect(await outbound.credentials.headersFor(oauth2())).toEqual({ Authorization: 'Bearer token-1' });
      expect(issuer.requests).toEqual([
        {
          authorization: `Basic ${Buffer.from('conclave:s3').toString('base64')}`,
          body: 'scope=judge+all&grant_type=client_credentials',
        },
      ]);
    });

    it('are fetched once for all who wait, and reused until 30 s before their end', async () => {
      issuer.expiresIn = 100;
      const all = await Promise.all(
        Array.from({ length: 20 }, () => outbound.credentials.headersFor(oauth2())),
      );
      expect(new Set(all.map(({ Authorization }) => Authorization))).toEqual(new Set(['Bearer token-1']));
      now += 69_999;
      expect(await outbound.credentials.headersFor(oauth2())).toEqual({ Authorization: 'Bearer token-1' });
      now += 1;
      const next = await Promise.all(
        Array.from({ length: 20 }, () => outbound.credentials.headersFor(oauth2())),
      );
      expect(new Set(next.map(({ Authorization }) => Authorization))).toEqual(new Set(['Bearer token-2']));
      expect(issuer.requests).toHaveLength(2);
    });

    it('are fetched anew, once, when an upstream refused them', async () => {
      const refused = await outbound.credentials.headersFor(oauth2());
      const renewed = await Promise.all(
        Array.from({ length: 20 }, () => outbound.credentials.renewed(oauth2(), refused)),
      );
      expect(new Set(renewed.map((fresh) => fresh?.['Authorization']))).toEqual(new Set(['Bearer token-2']));
      expect(await outbound.credentials.headersFor(oauth2())).toEqual({ Authorization: 'Bearer token-2' });
      expect(issuer.requests).toHaveLength(2);
    });

    it.each([
      [401, 'refused the client (401)', false],
      [400, 'refused the client (400)', false],
      [503, 'no token from the token endpoint', true],
    ])('fail without a word of the issuer or of the secret: %d', async (status, message, retryable) => {
      issuer.status = status;
      const error: unknown = await outbound.credentials
        .headersFor(oauth2())
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: 'CredentialsError', retryable });
      expect(String(error)).toContain(message);
      expect(JSON.stringify([error, String(error)])).not.toMatch(/s3|invalid_client/);
      issuer.status = 200;
      expect(await outbound.credentials.headersFor(oauth2())).toEqual({ Authorization: 'Bearer token-2' });
    });
  });
});
