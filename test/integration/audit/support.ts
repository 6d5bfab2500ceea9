import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { AuditCheckpoints } from '../../../src/store/audit-checkpoints';
import { AuditKeys } from '../../../src/store/audit-keys';
import { AuditLog } from '../../../src/store/audit-log';
import { AuditSealer } from '../../../src/store/audit-sealer';
import { AuditVerifier } from '../../../src/store/audit-verifier';
import { type Db, openAsOwner, openDatabase } from '../../../src/store/database';
import { migrate } from '../../../src/store/migrations';
import { createDatabase, dropDatabase, testServers } from '../../support/system';

/** Whose triggers let nobody alter what is sealed. */
const guardedTables = ['audit', 'audit_link', 'audit_checkpoint', 'audit_mark'];

export const keysOf = () => new AuditKeys(generateKeyPairSync('ed25519').privateKey, []);

/** An audit log in a database of its own. */
export class TestLog {
  readonly keys = keysOf();
  readonly sealer: AuditSealer;
  readonly checkpoints: AuditCheckpoints;
  readonly verifier: AuditVerifier;
  readonly log: AuditLog;

  private constructor(
    readonly db: Db,
    readonly owner: Db,
    private readonly name: string,
  ) {
    this.sealer = new AuditSealer(db);
    this.checkpoints = new AuditCheckpoints(db, this.keys);
    this.verifier = new AuditVerifier(db, this.checkpoints);
    this.log = new AuditLog(db);
  }

  static async open(): Promise<TestLog> {
    const name = `test_${randomUUID().replaceAll('-', '')}`;
    const url = await createDatabase(testServers().databaseUrl, name);
    await migrate(url);
    return new TestLog(openDatabase(url, 6), openAsOwner(url), name);
  }

  async close(): Promise<void> {
    await Promise.all([this.db.destroy(), this.owner.destroy()]);
    await dropDatabase(testServers().databaseUrl, this.name);
  }

  append(
    tenant: string,
    record: object = {},
    kind = 'orchestration',
    requestId = randomUUID(),
  ): Promise<void> {
    return this.log.append({ tenant_id: tenant, request_id: requestId, kind, record });
  }

  /** A chain of a genesis and so many rows, sealed. */
  async chainOf(rows: number): Promise<string> {
    const tenant = randomUUID();
    await Promise.all(Array.from({ length: rows }, (_, n) => this.append(tenant, { n })));
    await this.sealAll();
    return tenant;
  }

  async sealAll(): Promise<void> {
    while (await this.sealer.seal());
  }

  /** As somebody would who owns the tables. */
  async tamper(statement: ReturnType<typeof sql>): Promise<void> {
    const triggers = (change: 'enable' | 'disable') =>
      guardedTables.map((table) => sql`alter table ${sql.table(table)} ${sql.raw(change)} trigger user`);
    await this.owner.transaction().execute(async (tx) => {
      for (const statements of [triggers('disable'), [statement], triggers('enable')])
        for (const each of statements) await each.execute(tx);
    });
  }

  verify(tenantId: string | null = null) {
    return this.verifier.verify({ tenantId });
  }
}
