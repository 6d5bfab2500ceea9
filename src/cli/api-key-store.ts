import { randomUUID } from 'node:crypto';
import { anonymous } from '../contract/identity';
import type { Settings } from '../contract/config';
import { embeddedDatabaseUrl } from '../embedded/postgres-server';
import { ApiKeys, type KeyCaller } from '../security/api-keys';
import { AuditLog, everyTenant } from '../store/audit-log';
import { Credentials } from '../store/credentials';
import { openDatabase } from '../store/database';
import { migrate } from '../store/migrations';
import { assertDatabaseAnswers } from './external-servers';
import { operationHere } from './operation-here';

/**
 * Works on the keys in the database that the settings name, or in that of `npm start`, which must be running. Whoever can
 * reach it may do everything.
 * @param change what is put on record when it is done; null: nothing is changed
 */
export async function withApiKeys(
  { database, service, orchestration }: Settings,
  change: { readonly action: string; readonly target: object } | null,
  work: (keys: ApiKeys, caller: KeyCaller) => Promise<void>,
): Promise<void> {
  const url = database.url ?? embeddedDatabaseUrl(service.data_dir, database.embedded_port);
  await assertDatabaseAnswers(url);
  await migrate(url);
  const db = openDatabase(url, 2);
  try {
    const store = new Credentials(db, { ask: () => Promise.reject(new Error('nobody listens here')) });
    const by = { principal: 'cli', requestId: randomUUID(), correlationId: null };
    const perMinute = orchestration.default_rate_limit_per_minute;
    const keys = new ApiKeys({ store, changed: async () => undefined, perMinute, quotaOf: () => null });
    await work(keys, { identity: anonymous, tenantId: null, by });
    if (change) await new AuditLog(db).append(operationHere(everyTenant, change, by.requestId));
  } finally {
    await db.destroy();
  }
}
