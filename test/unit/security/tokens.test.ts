import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { exportJWK, SignJWT } from 'jose';
import { authSettingsSchema } from '../../../src/contract/auth-config';
import { identityIn, type TokenError, Tokens } from '../../../src/security/tokens';
import { IssuerAwayError } from '../../../src/security/issuer-keys';
import { listening } from '../../support/mock-upstream';

const secret = 'a secret of more than thirty-two characters';
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const now = Math.floor(Date.now() / 1000);
const bytes = (text: string) => new TextEncoder().encode(text);

const dir = mkdtempSync(path.join(tmpdir(), 'conclave-keys-'));
const pem = (name: string, text: string | Buffer): string => {
  const file = path.join(dir, name);
  writeFileSync(file, text);
  return file;
};
const rsaPublic = pem('rsa.pem', rsa.publicKey.export({ type: 'spki', format: 'pem' }));
const ecPublic = pem('ec.pem', ec.publicKey.export({ type: 'spki', format: 'pem' }));
const ecPrivate = pem('ec.key', ec.privateKey.export({ type: 'pkcs8', format: 'pem' }));
afterAll(() => rmSync(dir, { recursive: true }));

const issuer = 'https://issuer.example';
const audience = 'conclave';
const tokensWith = (settings: object) =>
  new Tokens(authSettingsSchema.parse({ issuer, audience, ...settings }));

const valid = {
  sub: 'ann',
  iss: issuer,
  aud: audience,
  exp: now + 600,
  iat: now,
  jti: 'j-1',
  tenant_id: 'acme',
  roles: ['operator'],
};
type Key = Parameters<SignJWT['sign']>[0];

/** @param overrides of the claims; undefined leaves one out */
function signed(alg: string, key: Key, overrides: object = {}, header: object = {}): Promise<string> {
  const claims = JSON.parse(JSON.stringify({ ...valid, ...overrides })) as Record<string, unknown>;
  return new SignJWT(claims).setProtectedHeader({ alg, ...header }).sign(key);
}

const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
async function faultOf(verified: Promise<unknown>): Promise<string> {
  return verified.then(
    () => 'none',
    (error: unknown) => (error as TokenError).fault,
  );
}

describe('A token [A1]', () => {
  const hs = tokensWith({ jwt_secret_key: secret });
  const rs = tokensWith({ jwt_public_key_path: rsaPublic });
  const es = tokensWith({ jwt_public_key_path: ecPublic });

  it('of HS256, RS256 or ES256 is believed', async () => {
    expect(await hs.verify(await signed('HS256', bytes(secret)))).toMatchObject({ sub: 'ann', jti: 'j-1' });
    expect(await rs.verify(await signed('RS256', rsa.privateKey))).toMatchObject({ tenant_id: 'acme' });
    expect(await es.verify(await signed('ES256', ec.privateKey))).toMatchObject({ roles: ['operator'] });
  });

  it.each<[string, object, string]>([
    ['has expired', { exp: now - 61 }, 'expired'],
    ['is not valid yet', { nbf: now + 120 }, 'not_yet_valid'],
    ['was issued in the future', { iat: now + 120 }, 'not_yet_valid'],
    ['is of another issuer', { iss: 'https://other.example' }, 'issuer'],
    ['is for another audience', { aud: 'other' }, 'audience'],
    ['is for nobody', { aud: undefined }, 'claims'],
    ...['sub', 'exp', 'iat', 'jti', 'iss', 'tenant_id'].map(
      (claim) => [`lacks ${claim}`, { [claim]: undefined }, 'claims'] as [string, object, string],
    ),
    ['calls itself an API key', { sub: 'key:0123456789abcdef' }, 'claims'],
    ['has a tenant that cannot be', { tenant_id: '../acme' }, 'claims'],
    ['is of a tenant, and of a super admin', { roles: ['super_admin'] }, 'claims'],
    ['is for refreshing', { typ: 'refresh' }, 'wrong_type'],
  ])('that %s is refused', async (_what, overrides, fault) => {
    expect(await faultOf(hs.verify(await signed('HS256', bytes(secret), overrides)))).toBe(fault);
  });

  it('is given the leeway, and no more', async () => {
    expect(await faultOf(hs.verify(await signed('HS256', bytes(secret), { exp: now - 30 })))).toBe('none');
    expect(await faultOf(hs.verify(await signed('HS256', bytes(secret), { nbf: now + 30 })))).toBe('none');
  });

  it('that is signed with another key, or changed since, is refused', async () => {
    expect(await faultOf(hs.verify(await signed('HS256', bytes(secret.toUpperCase()))))).toBe('signature');
    expect(await faultOf(rs.verify(await signed('RS256', otherRsa.privateKey)))).toBe('signature');
    const [header, , signature] = (await signed('HS256', bytes(secret))).split('.');
    const tampered = `${header}.${encoded({ ...valid, tenant_id: 'globex' })}.${signature}`;
    expect(await faultOf(hs.verify(tampered))).toBe('signature');
  });

  it.each(['none', 'None', 'NONE', ''])('of algorithm "%s" is refused', async (alg) => {
    for (const tokens of [hs, rs, es]) {
      expect(await faultOf(tokens.verify(`${encoded({ alg })}.${encoded(valid)}.`))).toMatch(
        /^(algorithm|malformed)$/,
      );
    }
  });

  it('never has a public key taken for a secret', async () => {
    const text = rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string;
    const content = `${encoded({ alg: 'HS256' })}.${encoded(valid)}`;
    const swapped = `${content}.${createHmac('sha256', text).update(content).digest('base64url')}`;
    expect(await faultOf(rs.verify(swapped))).toBe('algorithm');
    const withBoth = tokensWith({ jwt_public_key_path: rsaPublic, jwt_secret_key: secret });
    expect(await faultOf(withBoth.verify(swapped))).toBe('signature');
  });

  it('of an algorithm that is not the key’s is refused', async () => {
    expect(await faultOf(hs.verify(await signed('HS512', bytes(secret.repeat(2)))))).toBe('algorithm');
    expect(await faultOf(rs.verify(await signed('PS256', rsa.privateKey)))).toBe('algorithm');
    expect(await faultOf(rs.verify(await signed('ES256', ec.privateKey)))).toBe('algorithm');
    expect(await faultOf(hs.verify(await signed('RS256', rsa.privateKey)))).toBe('algorithm');
  });

  it.each(['', 'x', 'a.b', 'a.b.c', '...', `${'a'.repeat(9000)}.b.c`])(
    'that is none is refused',
    async (text) => {
      expect(await faultOf(hs.verify(text))).toMatch(/^(malformed|algorithm)$/);
    },
  );

  it('says who calls; words of other services are nothing to us', async () => {
    const claims = { scope: 'openid audit:read', roles: ['viewer', 'Editor'], permissions: ['nothing:read'] };
    const identity = identityIn(await hs.verify(await signed('HS256', bytes(secret), claims)));
    expect(identity).toMatchObject({ subject: 'ann', tenantId: 'acme', roles: ['viewer'], tokenId: 'j-1' });
    expect(identity.grants).toContain('audit:read');
    expect(identity.grants).not.toContain('nothing:read');
  });

  it('of a super admin is bound to no tenant', async () => {
    const claims = { roles: ['super_admin'], tenant_id: undefined };
    const token = await signed('HS256', bytes(secret), claims);
    expect(identityIn(await hs.verify(token)).tenantId).toBeNull();
  });

  it('has its roles in the claim that the settings name', async () => {
    const tokens = tokensWith({ jwt_secret_key: secret, roles_claim: 'groups' });
    const token = await signed('HS256', bytes(secret), { groups: ['viewer'] });
    expect((await tokens.verify(token)).roles).toEqual(['viewer']);
  });

  it('of our own is believed, by secret or by key', async () => {
    for (const tokens of [hs, tokensWith({ jwt_private_key_path: ecPrivate })]) {
      const { token, jti } = await tokens.sign({
        sub: 'ann',
        tenantId: 'acme',
        roles: ['viewer'],
        typ: 'access',
        seconds: 60,
      });
      expect(await tokens.verify(token)).toMatchObject({
        sub: 'ann',
        tenant_id: 'acme',
        jti,
        roles: ['viewer'],
      });
    }
    expect([hs.canSign, rs.canSign]).toEqual([true, false]);
  });

  it.each([
    ['missing.pem', null],
    ['text.pem', 'no key'],
    [
      'weak.pem',
      generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'pem' }),
    ],
    [
      'p384.pem',
      generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ type: 'spki', format: 'pem' }),
    ],
  ])('cannot be verified with %s: nothing starts', (name, text) => {
    if (text !== null) pem(name, text);
    expect(() => tokensWith({ jwt_public_key_path: path.join(dir, name) })).toThrow(
      /auth\.jwt_public_key_path/,
    );
  });
});

describe('Keys of an issuer', () => {
  let server: Server;
  let jwks_url: string;
  let keys: object[];
  let asked = 0;
  let isDown = false;
  const published = async (key: typeof rsa.publicKey, kid: string, alg: string) => ({
    ...(await exportJWK(key)),
    kid,
    alg,
    use: 'sig',
  });
  beforeAll(async () => {
    server = createServer((_request, response) => {
      asked++;
      response.writeHead(isDown ? 500 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys }));
    });
    jwks_url = `${await listening(server)}/jwks`;
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    [asked, isDown] = [0, false];
    keys = [await published(rsa.publicKey, 'one', 'RS256'), await published(ec.publicKey, 'two', 'ES256')];
  });

  it('are fetched once, and told apart by name', async () => {
    const tokens = tokensWith({ jwks_url });
    for (let time = 0; time < 3; time++) {
      await tokens.verify(await signed('RS256', rsa.privateKey, { jti: randomUUID() }, { kid: 'one' }));
      await tokens.verify(await signed('ES256', ec.privateKey, {}, { kid: 'two' }));
    }
    expect(asked).toBe(1);
    const unknown = await signed('RS256', otherRsa.privateKey, {}, { kid: 'three' });
    expect(await faultOf(tokens.verify(unknown))).toBe('unknown_key');
    expect(
      await faultOf(tokens.verify(await signed('RS256', ec.privateKey as never, {}).catch(() => 'x'))),
    ).toBe('malformed');
  });

  it('are looked for again when a token names a new one', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'setTimeout', 'queueMicrotask'] });
    try {
      const tokens = tokensWith({ jwks_url });
      await tokens.verify(await signed('RS256', rsa.privateKey, {}, { kid: 'one' }));
      keys = [await published(otherRsa.publicKey, 'three', 'RS256')];
      jest.setSystemTime(Date.now() + 11_000);
      await tokens.verify(await signed('RS256', otherRsa.privateKey, {}, { kid: 'three' }));
      expect(asked).toBe(2);
    } finally {
      jest.useRealTimers();
    }
  });

  it('never are secrets', async () => {
    keys = [{ kty: 'oct', k: Buffer.from(secret).toString('base64url'), kid: 'one', alg: 'HS256' }];
    const token = await signed('HS256', bytes(secret), {}, { kid: 'one' });
    expect(await faultOf(tokensWith({ jwks_url }).verify(token))).toBe('algorithm');
    expect(asked).toBe(0);
  });

  it('that cannot be fetched are not the fault of a token', async () => {
    isDown = true;
    const token = await signed('RS256', rsa.privateKey, {}, { kid: 'one' });
    await expect(tokensWith({ jwks_url }).verify(token)).rejects.toThrow(IssuerAwayError);
  });

  it('are believed for hours while their issuer is away, and asked for again when it is back [A1]', async () => {
    let time = Date.now();
    const tokens = new Tokens(authSettingsSchema.parse({ issuer, audience, jwks_url }), () => time);
    const fresh = (kid: string, key = rsa.privateKey) =>
      signed('RS256', key, { jti: randomUUID(), exp: Math.floor(time / 1000) + 600, iat: now }, { kid });
    await tokens.verify(await fresh('one'));
    isDown = true;
    const strange = async () => tokens.verify(await fresh('three', otherRsa.privateKey));
    for (const minutes of [11, 60, 300]) {
      time = Date.now() + minutes * 60_000;
      await tokens.verify(await fresh('one'));
      // Waits for the try that has begun, and makes none of its own so soon.
      await expect(strange()).rejects.toThrow(IssuerAwayError);
    }
    expect(asked).toBe(4);
    time += 10_000;
    await expect(strange()).rejects.toThrow(IssuerAwayError);
    await expect(strange()).rejects.toThrow(IssuerAwayError);
    expect(asked).toBe(5);
    time += 2 * 3_600_000;
    await expect(fresh('one').then((token) => tokens.verify(token))).rejects.toThrow(IssuerAwayError);
    [isDown, keys] = [false, [await published(otherRsa.publicKey, 'three', 'RS256')]];
    time += 10_000;
    await strange();
    expect(await faultOf(fresh('one').then((token) => tokens.verify(token)))).toBe('unknown_key');
  });

  it('are asked for first when they have not been for a while: one may have been withdrawn', async () => {
    let time = Date.now();
    const tokens = new Tokens(authSettingsSchema.parse({ issuer, audience, jwks_url }), () => time);
    await tokens.verify(await signed('RS256', rsa.privateKey, { jti: randomUUID() }, { kid: 'one' }));
    keys = [await published(otherRsa.publicKey, 'three', 'RS256')];
    time += 11 * 60_000;
    const later = { jti: randomUUID(), exp: Math.floor(time / 1000) + 600 };
    const withdrawn = signed('RS256', rsa.privateKey, later, { kid: 'one' });
    expect(await faultOf(withdrawn.then((token) => tokens.verify(token)))).toBe('unknown_key');
  });

  it('are not asked for again for a token that was verified a moment ago, until it expires', async () => {
    let time = Date.now();
    const tokens = new Tokens(authSettingsSchema.parse({ issuer, audience, jwks_url }), () => time);
    const token = await signed('RS256', rsa.privateKey, {}, { kid: 'one' });
    const claims = await tokens.verify(token);
    [isDown, time] = [true, time + 500_000];
    expect(await tokens.verify(token)).toBe(claims);
    await expect(tokens.verify(token, 'refresh')).rejects.toThrow(/wrong_type/);
    time += 200_000;
    expect(await faultOf(tokens.verify(token))).toBe('expired');
    await expect(tokens.verify(`${token}x`)).rejects.toThrow();
  });

  it('need an issuer and an audience to be named', () => {
    expect(authSettingsSchema.safeParse({ jwks_url }).success).toBe(false);
  });
});
