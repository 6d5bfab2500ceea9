import { type Identity, type Permission, permissions, type Role } from '../contract/identity';

const viewer: readonly Permission[] = [
  ...(['orchestrate:read', 'registry:read', 'policy:read', 'config:read', 'router:read'] as const),
  ...(['health:read', 'breaker:read', 'stats:read', 'alerts:read', 'pools:read', 'catalog:read'] as const),
];
const user: readonly Permission[] = [
  ...(['proxy:invoke', 'tasks:submit', 'tasks:read', 'tasks:cancel', 'sessions:read'] as const),
  ...(['sessions:write', 'artifacts:read', 'artifacts:write', 'registry:read', 'health:read'] as const),
];
const operator: readonly Permission[] = [
  ...viewer,
  ...user,
  ...(['orchestrate:write', 'metrics:read', 'config:write', 'registry:write', 'router:write'] as const),
  ...(['health:check', 'breaker:write', 'alerts:write', 'pools:write', 'catalog:write'] as const),
];

/** What each role may do (spec/orchestration.md 7.2, with spec/gateway.md 7 added). */
const permissionsByRole: Readonly<Record<Role, readonly Permission[]>> = {
  viewer,
  user,
  operator,
  admin: permissions.filter((permission) => permission !== 'tenant:admin'),
  tenant_admin: permissions,
  super_admin: permissions,
};

const aliases: Readonly<Record<string, Permission>> = { 'orchestrate:status': 'orchestrate:read' };

/** All that roles and grants of its own permit a credential. */
export function grantsOf(roles: readonly Role[], own: readonly string[]): string[] {
  const all = [...roles.flatMap((role) => permissionsByRole[role]), ...own.map(canonical)];
  return [...new Set(all)].toSorted();
}

export function canonical(grant: string): string {
  return aliases[grant] ?? grant;
}

/** @param resource what it is about, where grants may name resources */
export function permits(grants: readonly string[], permission: Permission, resource?: string): boolean {
  return grants.some(
    (grant) =>
      grant === permission ||
      (resource !== undefined &&
        grant.startsWith(`${permission}:`) &&
        matches(grant.slice(permission.length + 1), resource)),
  );
}

/** Whether the holder of grants may hand on a grant: nobody gives what he has not. */
export function mayGrant(grants: readonly string[], grant: string): boolean {
  const [resource, action, ...only] = canonical(grant).split(':');
  return grants.includes(canonical(grant)) || (only.length > 0 && grants.includes(`${resource}:${action}`));
}

/** `*` stands for any characters. */
function matches(glob: string, resource: string): boolean {
  const parts = glob.split('*');
  const [first = '', last = ''] = [parts[0], parts.at(-1)];
  if (parts.length === 1) return resource === glob;
  if (!resource.startsWith(first) || !resource.endsWith(last)) return false;
  let from = first.length;
  for (const part of parts.slice(1, -1)) {
    const at = resource.indexOf(part, from);
    if (at === -1) return false;
    from = at + part.length;
  }
  return from <= resource.length - last.length;
}

/** What an operation touches: data of one tenant; what is shared, as far as the caller sees it; what is shared by all. */
export type Reach = 'tenant' | 'shared' | 'installation';

/**
 * Why an identity may not do something; null when it may.
 * @param named the tenant that the call names beside the credential
 */
export function refusalOf(
  identity: Identity,
  needed: { readonly permission: Permission; readonly reach: Reach; readonly resource?: string | undefined },
  named: string | null,
): 'permission_missing' | 'tenant_mismatch' | 'platform_only' | 'super_admin_only' | null {
  if (!permits(identity.grants, needed.permission, needed.resource)) return 'permission_missing';
  if (identity.tenantId !== null) {
    if (named !== null && named !== identity.tenantId) return 'tenant_mismatch';
    return needed.reach === 'installation' ? 'platform_only' : null;
  }
  const touchesTenants = needed.reach === 'tenant' || named !== null;
  return touchesTenants && !identity.roles.includes('super_admin') ? 'super_admin_only' : null;
}
