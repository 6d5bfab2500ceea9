import { composeKeys } from './compose-keys';
import { composeTenantLifecycle, type TenantLifecycleParts } from './compose-tenant-lifecycle';

type Parts = Parameters<typeof composeKeys>[0] & TenantLifecycleParts;

/** The part of the composition root that works on the installation in durable workflows: its keys, its tenants. */
export async function composeOperations(parts: Parts) {
  const keys = await composeKeys(parts);
  const tenants = composeTenantLifecycle(parts);
  return {
    activities: { ...keys.activities, ...tenants.activities },
    routes: { ...keys.routes, ...tenants.routes },
    async stop() {
      tenants.stop();
      await keys.stop();
    },
  };
}
