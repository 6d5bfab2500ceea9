import {
  anonymous,
  grantSchema,
  type Identity,
  permissions,
  type Role,
} from '../../../src/contract/identity';
import { grantsOf, mayGrant, permits, refusalOf } from '../../../src/domain/permissions';

const of = (role: Role) => grantsOf([role], []);
const identity = (overrides: Partial<Identity>): Identity => ({ ...anonymous, method: 'jwt', ...overrides });

describe('Roles [A4]', () => {
  it('give what the contract says', () => {
    expect(of('viewer')).toEqual(
      expect.arrayContaining(['orchestrate:read', 'registry:read', 'policy:read']),
    );
    expect(of('viewer').filter((grant) => !grant.endsWith(':read'))).toEqual([]);
    expect(of('operator')).toEqual(
      expect.arrayContaining([...of('viewer'), ...of('user'), 'orchestrate:write', 'metrics:read']),
    );
    for (const grant of ['policy:write', 'audit:read', 'keys:admin', 'auth:admin', 'debug:read'] as const) {
      expect([permits(of('operator'), grant), permits(of('admin'), grant)]).toEqual([false, true]);
    }
    expect(permits(of('admin'), 'tenant:admin')).toBe(false);
    expect(permits(of('tenant_admin'), 'tenant:admin')).toBe(true);
    expect(of('super_admin').toSorted()).toEqual([...permissions].toSorted());
  });

  it('add up, with the grants of a credential, once each', () => {
    const all = grantsOf(['viewer', 'user'], ['registry:read', 'orchestrate:status', 'audit:read']);
    expect(new Set(all).size).toBe(all.length);
    expect(permits(all, 'audit:read') && permits(all, 'proxy:invoke') && permits(all, 'policy:read')).toBe(
      true,
    );
  });

  it('read orchestrate:status as orchestrate:read', () => {
    expect(grantsOf([], ['orchestrate:status'])).toEqual(['orchestrate:read']);
  });
});

describe('A grant [A4]', () => {
  it.each([
    ['breaker:write', 'mapper', true],
    ['breaker:write:mapper', 'mapper', true],
    ['breaker:write:mapper', 'mapper2', false],
    ['breaker:write:mapper', undefined, false],
    ['breaker:write:*', 'anything', true],
    ['breaker:write:detector-*', 'detector-a', true],
    ['breaker:write:detector-*', 'a-detector-a', false],
    ['breaker:write:a*c*e', 'abcde', true],
    ['breaker:write:a*a', 'a', false],
    ['breaker:write:*-eu', 'x-eu', true],
    ['breaker:write:*-eu', 'x-eu-2', false],
    ['breaker:read', 'mapper', false],
  ])('%s covers the resource %s: %s', (grant, resource, expected) => {
    expect(permits([grant], 'breaker:write', resource)).toBe(expected);
  });

  it.each(['registry:read', 'breaker:write:mapper', 'proxy:invoke:detector-*'])('may be %s', (grant) => {
    expect(grantSchema.safeParse(grant).success).toBe(true);
  });

  it.each(['', '*', 'registry:*', 'registry', 'nothing:read', 'registry:read:', 'registry:read:a b'])(
    'may not be "%s"',
    (grant) => {
      expect(grantSchema.safeParse(grant).success).toBe(false);
    },
  );

  it('is handed on only by whom has it', () => {
    expect(mayGrant(['breaker:write'], 'breaker:write:mapper')).toBe(true);
    expect(mayGrant(['breaker:write:mapper'], 'breaker:write')).toBe(false);
    expect(mayGrant(['breaker:write:mapper'], 'breaker:write:mapper')).toBe(true);
    expect(mayGrant(['breaker:write:a*'], 'breaker:write:ab')).toBe(false);
    expect(mayGrant(['registry:read'], 'registry:write')).toBe(false);
  });
});

describe('A credential [F.4]', () => {
  const acme = identity({ tenantId: 'acme', roles: ['admin'], grants: of('admin') });
  const platform = identity({ roles: ['operator'], grants: of('operator') });
  const superAdmin = identity({});
  const needs = (reach: 'tenant' | 'shared' | 'installation') =>
    ({ permission: 'registry:read', reach }) as const;

  it.each([
    ['of a tenant', acme, 'tenant', null, null],
    ['of a tenant', acme, 'tenant', 'acme', null],
    ['of a tenant', acme, 'tenant', 'globex', 'tenant_mismatch'],
    ['of a tenant', acme, 'shared', null, null],
    ['of a tenant', acme, 'shared', 'globex', 'tenant_mismatch'],
    ['of a tenant', acme, 'installation', null, 'platform_only'],
    ['of the installation', platform, 'tenant', null, 'super_admin_only'],
    ['of the installation', platform, 'shared', null, null],
    ['of the installation', platform, 'shared', 'acme', 'super_admin_only'],
    ['of the installation', platform, 'installation', null, null],
    ['of a super admin', superAdmin, 'tenant', 'acme', null],
    ['of a super admin', superAdmin, 'installation', null, null],
  ] as const)('%s (%#) on what touches %s', (_name, who, reach, named, refusal) => {
    expect(refusalOf(who, needs(reach), named)).toBe(refusal);
  });

  it('that lacks the permission is refused before it is asked for whom', () => {
    const poor = identity({ tenantId: 'acme', roles: [], grants: [] });
    expect(refusalOf(poor, needs('tenant'), 'globex')).toBe('permission_missing');
  });
});
