import { hostname } from 'node:os';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { AuditQuery } from '../contract/audit';
import type { Settings } from '../contract/config';
import { type AuditFormat, auditLine } from '../domain/audit-formats';
import { embeddedDatabaseUrl } from '../embedded/postgres-server';
import { presentable } from '../security/on-record';
import { AuditCheckpoints } from '../store/audit-checkpoints';
import { type AuditKeys, loadAuditKeys } from '../store/audit-keys';
import { AuditLog } from '../store/audit-log';
import { AuditRecords } from '../store/audit-records';
import { AuditVerifier } from '../store/audit-verifier';
import { openDatabase } from '../store/database';
import { SealedRows } from '../store/sealed-rows';
import { assertDatabaseAnswers } from './external-servers';
import { version } from './version';

export interface LocalAudit {
  readonly verifier: AuditVerifier;
  readonly keys: AuditKeys;
  readonly checkpoints: AuditCheckpoints;
  readonly records: AuditRecords;
  readonly rows: SealedRows;
  readonly log: AuditLog;
  /** To the standard output. */
  readonly write: (tenantId: string | null, query: AuditQuery, format: AuditFormat) => Promise<void>;
}

/** Reads the audit log in the database that the settings name, or in that of `npm start`, which must be running. */
export async function withAudit(
  { database, service, audit }: Settings,
  work: (log: LocalAudit) => Promise<void>,
): Promise<void> {
  const url = database.url ?? embeddedDatabaseUrl(service.data_dir, database.embedded_port);
  await assertDatabaseAnswers(url);
  const db = openDatabase(url, 2);
  try {
    const keys = loadAuditKeys(audit, service.data_dir);
    const source = { version, host: hostname() };
    const records = new AuditRecords(db, presentable);
    const checkpoints = new AuditCheckpoints(db, keys);
    await work({
      verifier: new AuditVerifier(db, checkpoints),
      keys,
      checkpoints,
      records,
      rows: new SealedRows(db, presentable),
      log: new AuditLog(db),
      async write(tenantId, query, format) {
        const lines = async function* () {
          for await (const record of records.all(tenantId, query))
            yield `${auditLine(format, record, source)}\n`;
        };
        await pipeline(Readable.from(lines()), process.stdout, { end: false });
      },
    });
  } finally {
    await db.destroy();
  }
}
