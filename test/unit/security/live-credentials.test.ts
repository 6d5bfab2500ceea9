import type { ApiKeyRecord, CredentialNews } from '../../../src/contract/credentials';
import { newApiKey } from '../../../src/security/api-key';
import { LiveCredentials } from '../../../src/security/live-credentials';
import { truncatedAddress } from '../../../src/security/truncated-address';

function keyWith(overrides: Partial<ApiKeyRecord> = {}) {
  const { apiKey, keyId, hash } = newApiKey();
  const record: ApiKeyRecord = {
    ...{ keyId, hash, tenantId: 'acme', roles: ['viewer'], scopes: ['audit:read'], description: 'a key' },
    ...{ createdAt: new Date(0), createdBy: 'cli', owner: 'key:first', expiresAt: new Date(1_000_000) },
    ...{ revokedAt: null, rotatedTo: null, lastUsed: null, perMinute: null },
    ...overrides,
  };
  return { apiKey, record };
}

async function liveWith(...news: Partial<CredentialNews>[]) {
  const clock = { now: 1000 };
  const state: { hint: () => void; fails: boolean; used: string[][] } = {
    hint: () => undefined,
    fails: false,
    used: [],
  };
  const live = new LiveCredentials({
    news: () =>
      state.fails
        ? Promise.reject(new Error('away'))
        : Promise.resolve({ keys: [], revoked: [], ...news.shift() }),
    onHint: (listener) => (state.hint = listener),
    used: async (keyIds) => void state.used.push([...keyIds]),
    failed: () => undefined,
    now: () => clock.now,
  });
  await live.start();
  return { live, clock, state };
}

describe('Credentials as a facade knows them', () => {
  const { apiKey, record } = keyWith();

  it('are those of the store: who, whose, and what they may do [11.2]', async () => {
    const { live, state } = await liveWith({ keys: [record] });
    expect(live.identityOf(apiKey)).toMatchObject({
      subject: `key:${record.keyId}`,
      owner: 'key:first',
      tenantId: 'acme',
      grants: expect.arrayContaining(['audit:read', 'orchestrate:read']),
      method: 'api_key',
    });
    expect(live.identityOf(newApiKey().apiKey)).toBeNull();
    const sameId = `${apiKey.slice(0, -1)}${apiKey.endsWith('A') ? 'B' : 'A'}`;
    expect(live.identityOf(sameId)).toBeNull();
    await live.stop();
    expect(state.used).toEqual([[record.keyId]]);
  });

  it('end with their time, and when they are revoked [F.5]', async () => {
    const { live, clock } = await liveWith(
      { keys: [record] },
      { keys: [{ ...record, revokedAt: new Date() }], revoked: [{ jti: 'j', expiresAt: new Date(9e9) }] },
    );
    clock.now = 999_999;
    await live.catchUp();
    expect([live.identityOf(apiKey), live.isRevoked('j'), live.isRevoked('k')]).toEqual([null, true, false]);
    await live.stop();
    const young = await liveWith({ keys: [record] }, {});
    young.clock.now = 1_000_000;
    await young.live.catchUp();
    expect(young.live.identityOf(apiKey)).toBeNull();
    await young.live.stop();
  });

  it('are not believed for long while the store is away', async () => {
    const { live, clock, state } = await liveWith({ keys: [record] });
    state.fails = true;
    clock.now += 30_000;
    await live.catchUp();
    expect(live.identityOf(apiKey)).not.toBeNull();
    clock.now += 1;
    expect(() => live.identityOf(apiKey)).toThrow(/the store does not answer/);
    expect(() => live.isRevoked('j')).toThrow(/the store does not answer/);
    state.fails = false;
    await live.catchUp();
    expect(live.identityOf(apiKey)).not.toBeNull();
    await live.stop();
  });
});

it.each([
  ['192.0.2.17', '192.0.2.0'],
  ['::ffff:192.0.2.17', '192.0.2.0'],
  ['2001:db8:1:2::3', '2001:db8:1::'],
  ['::1', '::'],
  ['nobody', 'unknown'],
])('The record of %s says %s', (address, expected) => {
  expect(truncatedAddress(address)).toBe(expected);
});
