import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { authHeaders } from '../../../src/detectors/outbound-auth';

describe('authHeaders', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'conclave-auth-'));
  const file = path.join(folder, 'secret');
  const secret_ref = 'env:TEST_OUTBOUND_SECRET';
  beforeAll(() => {
    process.env['TEST_OUTBOUND_SECRET'] = 'sesame';
    writeFileSync(file, 'from a file\n');
  });
  afterAll(() => {
    delete process.env['TEST_OUTBOUND_SECRET'];
    rmSync(folder, { recursive: true });
  });

  it.each([
    ['none', {}, {}],
    ['api_key', { secret_ref }, { 'X-API-Key': 'sesame' }],
    ['api_key', { header: 'X-Other', secret_ref: `file:${file}` }, { 'X-Other': 'from a file' }],
    ['bearer_token', { secret_ref }, { Authorization: 'Bearer sesame' }],
    [
      'basic_auth',
      { username_ref: secret_ref, password_ref: `file:${file}` },
      { Authorization: `Basic ${Buffer.from('sesame:from a file').toString('base64')}` },
    ],
  ] as const)('%s with %j gives %j', async (auth_type, auth_config, headers) => {
    expect(await authHeaders({ auth_type, auth_config })).toEqual(headers);
  });

  it('reads the secret anew for each call, so that it can be rotated', async () => {
    const call = { auth_type: 'bearer_token', auth_config: { secret_ref: `file:${file}` } } as const;
    await authHeaders(call);
    writeFileSync(file, 'rotated');
    expect(await authHeaders(call)).toEqual({ Authorization: 'Bearer rotated' });
  });

  it.each([
    ['sesame', 'a secret must be a reference like env:NAME or file:/path'],
    [undefined, 'a secret must be a reference like env:NAME or file:/path'],
    ['env:TEST_NO_SUCH_SECRET', 'env:TEST_NO_SUCH_SECRET holds no secret'],
    ['file:/no/such/file', 'file:/no/such/file holds no secret'],
  ])('refuses %s by the reference, never by a value', async (reference, message) => {
    const call = { auth_type: 'api_key', auth_config: { secret_ref: reference } } as const;
    await expect(authHeaders(call)).rejects.toMatchObject({ name: 'SecretReferenceError', message });
  });
});
