import { LiveTenants } from './security/live-tenants';
import { Tenants } from './security/tenants';
import type { Db } from './store/database';
import type { KeyRing } from './store/key-ring';
import { hear, type Notifications } from './store/notifications';
import { whenCommitted } from './store/one-transaction';
import { TenantRecords } from './store/tenants';
import type { Logger } from './telemetry/logger';

/** The part of the composition root that knows what each tenant may and wants. */
export async function composeTenants(parts: {
  readonly db: Db;
  readonly keys: KeyRing;
  readonly notifications: Notifications;
  readonly log: Logger;
}) {
  const { db, keys, notifications, log } = parts;
  const store = new TenantRecords(db, keys, notifications);
  const live = new LiveTenants({
    news: () => store.news(),
    onHint: (listener) => hear(notifications, 'tenants_changed', listener),
    failed: (error) => log.error({ error }, 'tenants cannot be read; what is known of them goes on'),
  });
  await live.start();
  const changed = () => whenCommitted(() => live.catchUp());
  return { tenants: live, tenantRecords: new Tenants({ store, changed }) };
}
