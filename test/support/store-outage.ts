import { Client } from 'pg';
import { type System, testServers } from './system';

/** Cuts every connection of the system to its database and lets none in, until {@link endStoreOutage}. */
export async function beginStoreOutage(system: System): Promise<void> {
  await system.db.query(`set application_name = 'observer'`);
  await asAdmin(async (admin) => {
    await admin.query(`alter database ${system.database} with allow_connections false`);
    await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = $1 and application_name <> 'observer'`,
      [system.database],
    );
  });
}

export async function endStoreOutage(system: System): Promise<void> {
  await asAdmin((admin) => admin.query(`alter database ${system.database} with allow_connections true`));
}

async function asAdmin(work: (admin: Client) => Promise<unknown>): Promise<void> {
  const admin = new Client({ connectionString: testServers().databaseUrl });
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}
