import { newApiKeySchema } from '../../../src/contract/api-keys';
import type { ApiKeyRecord } from '../../../src/contract/credentials';
import type { ConclaveError } from '../../../src/contract/errors';
import { anonymous, type Role } from '../../../src/contract/identity';
import { grantsOf } from '../../../src/domain/permissions';
import { ApiKeys, type ApiKeysDependencies, type KeyCaller } from '../../../src/security/api-keys';

const by = { principal: 'ann', requestId: 'r', correlationId: null };
const callerWith = (role: Role, tenantId: string | null): KeyCaller => ({
  identity: { roles: [role], grants: grantsOf([role], []), method: 'api_key', owner: `the ${role}` },
  tenantId,
  by,
});
const superAdmin: KeyCaller = { identity: anonymous, tenantId: null, by };

function keysOver(overrides: Partial<ApiKeysDependencies['store']> = {}) {
  const made: ApiKeyRecord[] = [];
  const keep = async (key: object): Promise<ApiKeyRecord> => {
    const kept = {
      createdAt: new Date(),
      createdBy: 'ann',
      revokedAt: null,
      rotatedTo: null,
      lastUsed: null,
    };
    made.push({ ...kept, ...key } as ApiKeyRecord);
    return made.at(-1)!;
  };
  const store: ApiKeysDependencies['store'] = {
    create: keep,
    rotate: (_keyId, next) => keep(next),
    revoke: async () => undefined,
    find: async (keyId) => made.find((key) => key.keyId === keyId) ?? null,
    list: async () => made,
    ...overrides,
  };
  const quotaOf = (tenantId: string) => (tenantId === 'acme' ? 5 : null);
  return { keys: new ApiKeys({ store, changed: async () => undefined, perMinute: 1000, quotaOf }), made };
}

const asked = (fields: object) => newApiKeySchema.parse({ description: 'a key', ...fields });
const detailOf = (work: Promise<unknown>): Promise<string | null> =>
  work.then(
    () => 'done',
    (error: unknown) => (error as ConclaveError).detail,
  );

describe('API keys', () => {
  it.each<[string, KeyCaller, object, string]>([
    ['for its tenant', callerWith('admin', 'acme'), { roles: ['operator'] }, 'done'],
    [
      'with more than its maker may',
      callerWith('admin', 'acme'),
      { roles: ['tenant_admin'] },
      'cannot_grant',
    ],
    ['of a super admin', callerWith('tenant_admin', 'acme'), { roles: ['super_admin'] }, 'cannot_grant'],
    [
      'for another tenant',
      callerWith('admin', 'acme'),
      { tenant_id: 'globex', roles: ['viewer'] },
      'tenant_mismatch',
    ],
    ['for no tenant', callerWith('admin', 'acme'), { tenant_id: null, roles: ['viewer'] }, 'tenant_mismatch'],
    ['for nobody that is named', superAdmin, { roles: ['viewer'] }, 'tenant_required'],
    ['for the installation', superAdmin, { tenant_id: null, roles: ['super_admin'] }, 'done'],
    [
      'of a super admin of a tenant',
      superAdmin,
      { tenant_id: 'acme', roles: ['super_admin'] },
      'super_admin_has_no_tenant',
    ],
  ])('are made %s: %#', async (_what, caller, fields, expected) => {
    expect(await detailOf(keysOver().keys.create(asked(fields), caller))).toBe(expected);
  });

  it('are answered for by who was shown them, and of the command line by themselves', async () => {
    const { keys, made } = keysOver();
    const first = await keys.create(asked({ tenant_id: 'acme', roles: ['admin'] }), superAdmin);
    await keys.rotate(first.key_id, 24, superAdmin);
    const admin = callerWith('admin', 'acme');
    await keys.create(asked({ roles: ['viewer'] }), admin);
    await keys.rotate(first.key_id, 24, admin);
    const own = `key:${first.key_id}`;
    expect(made.map(({ owner }) => owner)).toEqual([own, own, 'the admin', 'the admin']);
  });

  it('are no more than a tenant may have, or the installation [F.4]', async () => {
    const most: number[] = [];
    const { keys } = keysOver({ create: async (_key, _by, max) => (most.push(max), null) });
    for (const tenant_id of ['acme', 'globex', null])
      expect(await detailOf(keys.create(asked({ tenant_id, roles: ['viewer'] }), superAdmin))).toBe(
        'quota_exceeded',
      );
    expect(most).toEqual([5, 50, 50]);
  });

  it('are rotated by who may do what they may, and revoked by who sees them [F.5]', async () => {
    const { keys, made } = keysOver();
    const first = await keys.create(asked({ tenant_id: 'acme', roles: ['tenant_admin'] }), superAdmin);
    expect(await detailOf(keys.rotate(first.key_id, 24, callerWith('admin', 'acme')))).toBe('cannot_grant');
    expect(await detailOf(keys.rotate(first.key_id, 24, callerWith('tenant_admin', 'globex')))).toBe(
      'key_not_found',
    );
    const second = await keys.rotate(first.key_id, 24, callerWith('tenant_admin', 'acme'));
    expect([second.roles, second.tenant_id, second.api_key === first.api_key]).toEqual([
      ['tenant_admin'],
      'acme',
      false,
    ]);
    expect(made.map(({ hash }) => hash.length)).toEqual([32, 32]);
    expect(await detailOf(keys.revoke(first.key_id, callerWith('admin', 'globex')))).toBe('key_not_found');
    expect(await detailOf(keys.revoke(first.key_id, callerWith('admin', 'acme')))).toBe('done');
  });
});
