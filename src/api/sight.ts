import type { Request } from 'express';
import type { Sight } from '../domain/registry';
import { identityOf } from './principal';
import { tenantOf } from './tenant-header';

/**
 * What a caller may know of: what is shared and what is the tenant's that the call is for. Only super admins see all; who
 * else runs the installation sees what is shared.
 */
export function sightOf(request: Request): Sight {
  const tenantId = tenantOf(request);
  if (tenantId !== null) return { tenantId };
  return identityOf(request).roles.includes('super_admin') ? 'all' : 'shared';
}
