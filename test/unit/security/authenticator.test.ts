import type { ConclaveError } from '../../../src/contract/errors';
import { anonymous, type Identity } from '../../../src/contract/identity';
import { tokenClaimsSchema } from '../../../src/contract/token-claims';
import { isApiKey, isKey, keyIdIn, newApiKey } from '../../../src/security/api-key';
import { Authenticator } from '../../../src/security/authenticator';
import { IssuerAwayError } from '../../../src/security/issuer-keys';
import { type TokenFault, TokenError } from '../../../src/security/tokens';

const { apiKey } = newApiKey();
const keyOwner: Identity = {
  ...anonymous,
  subject: 'key:1',
  tenantId: 'acme',
  roles: ['viewer'],
  grants: ['orchestrate:read', 'orchestrate:write', 'registry:read'],
  method: 'api_key',
};
const claims = (tenant_id: string) =>
  tokenClaimsSchema.parse({
    ...{ sub: 'ann', exp: 2e9, iat: 1, jti: 'j', tenant_id, roles: ['viewer'] },
  });

const attempts: string[] = [];
beforeEach(() => attempts.splice(0));
const authenticator = new Authenticator({
  verifyToken: (token) => {
    if (token === 'acme.token') return Promise.resolve(claims('acme'));
    if (token === 'globex.token') return Promise.resolve(claims('globex'));
    if (token === 'away') return Promise.reject(new IssuerAwayError('away'));
    return Promise.reject(new TokenError(token as TokenFault));
  },
  identityOfKey: (text) => (text === apiKey ? keyOwner : null),
  identityOfCertificate: () => null,
  attempted: (outcome) => attempts.push(outcome),
});

const refusal = async (shown: { apiKey?: string; authorization?: string }) =>
  authenticator.authenticate(shown).then(
    () => 'let in',
    (error: unknown) => `${(error as ConclaveError).code} ${(error as ConclaveError).detail}`,
  );

describe('Whoever calls [11.2]', () => {
  it('is known by API key, in either header, and by token', async () => {
    expect(await authenticator.authenticate({ apiKey })).toBe(keyOwner);
    expect(await authenticator.authenticate({ authorization: `Bearer ${apiKey}` })).toBe(keyOwner);
    expect(await authenticator.authenticate({ authorization: 'bearer acme.token' })).toMatchObject({
      subject: 'ann',
      tenantId: 'acme',
      method: 'jwt',
    });
    expect(attempts).toEqual(['success', 'success', 'success']);
  });

  it('may do with two credentials what both permit, for one tenant', async () => {
    const identity = await authenticator.authenticate({ apiKey, authorization: 'Bearer acme.token' });
    expect([identity.subject, identity.grants]).toEqual(['ann', ['orchestrate:read', 'registry:read']]);
    expect(await refusal({ apiKey, authorization: 'Bearer globex.token' })).toBe(
      'INSUFFICIENT_RBAC tenant_mismatch',
    );
    expect(await refusal({ apiKey, authorization: 'Bearer expired' })).toBe('UNAUTHORIZED token_expired');
  });

  it.each<[{ apiKey?: string; authorization?: string }, string]>([
    [{}, 'credentials_missing'],
    [{ apiKey: '' }, 'credential_malformed'],
    [{ apiKey: 'acme.token' }, 'credential_malformed'],
    [{ authorization: '' }, 'credential_malformed'],
    [{ authorization: 'Basic YTpi' }, 'credential_malformed'],
    [{ authorization: 'Bearer' }, 'credential_malformed'],
    [{ authorization: 'Bearer a b' }, 'credential_malformed'],
    [{ authorization: 'Bearer expired' }, 'token_expired'],
    [{ authorization: 'Bearer not_yet_valid' }, 'token_not_yet_valid'],
    [{ authorization: 'Bearer revoked' }, 'token_revoked'],
    ...(['signature', 'algorithm', 'issuer', 'audience', 'claims', 'unknown_key', 'wrong_type'] as const).map(
      (fault): [{ authorization: string }, string] => [{ authorization: `Bearer ${fault}` }, 'token_invalid'],
    ),
  ])('is refused with %j', async (shown, detail) => {
    expect(await refusal(shown)).toBe(`UNAUTHORIZED ${detail}`);
    expect(attempts).toHaveLength(1);
    expect(attempts).not.toContain('success');
  });

  it('is refused with a key that nobody made, and with more than a header holds', async () => {
    expect(await refusal({ apiKey: newApiKey().apiKey })).toBe('UNAUTHORIZED unknown_credential');
    const long = `Bearer ${'a'.repeat(9000)}`;
    expect(await refusal({ authorization: long })).toBe('UNAUTHORIZED credential_malformed');
  });

  it('is not blamed for an issuer that is away', async () => {
    await expect(authenticator.authenticate({ authorization: 'Bearer away' })).rejects.toThrow(
      IssuerAwayError,
    );
  });
});

describe('An API key', () => {
  it('has 256 random bits beside its id, and is known by its hash alone', () => {
    const { apiKey: one, keyId, hash } = newApiKey();
    expect(Buffer.from(one.slice(-43), 'base64url')).toHaveLength(32);
    expect([keyIdIn(one), isKey(one, hash), isKey(newApiKey().apiKey, hash)]).toEqual([keyId, true, false]);
    expect(hash.toString('hex')).not.toContain(one);
    expect(new Set(Array.from({ length: 100 }, () => newApiKey().apiKey)).size).toBe(100);
  });

  it.each(['', 'ck_', 'ck_0123456789abcdef_short', 'a.b.c', ` ${apiKey}`, `${apiKey}x`])(
    'is not "%s"',
    (text) => {
      expect([isApiKey(text), keyIdIn(text)]).toEqual([false, null]);
    },
  );
});
