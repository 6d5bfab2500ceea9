import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { sql } from 'kysely';
import { type AuditVerification, auditVerificationSchema } from '../src/contract/audit';
import { freePort } from '../src/embedded/ports';
import { startPostgres } from '../src/embedded/postgres-server';
import { AuditCheckpoints } from '../src/store/audit-checkpoints';
import { loadAuditKeys } from '../src/store/audit-keys';
import { AuditSealer } from '../src/store/audit-sealer';
import { type Db, openDatabase } from '../src/store/database';
import { migrate } from '../src/store/migrations';
import { watchMemory } from './memory';
import type { Report } from './report';
import type { Stage } from './stage';
import { round } from './statistics';

export interface AuditOptions {
  readonly quick: boolean;
  readonly rows: number;
  readonly log: (line: string) => void;
}

const main = resolve(__dirname, '..', 'dist', 'cli', 'main.js');
const quickRows = 50_000;
const filledAtOnce = 50_000;
const tenants = 4;

interface Row {
  readonly name: string;
  readonly rows: number;
  readonly seconds: number;
  readonly rows_per_second: number;
  readonly peak_memory_mb: number | null;
}

/** A log is sealed, verified and exported, first a tenth of it and then all: what takes memory by its length would show. */
export async function audit(stage: Stage, { quick, rows: asked, log }: AuditOptions): Promise<Report> {
  if (!existsSync(main)) throw new Error('Conclave is measured as built: npm run build');
  const total = quick ? Math.min(quickRows, asked) : asked;
  log('starting PostgreSQL');
  const dataDir = stage.directory;
  const server = await startPostgres({ dataDir: join(dataDir, 'postgres'), port: await freePort(), log });
  stage.onStrike(() => server.stop());
  await migrate(server.url);
  const db = openDatabase(server.url, 2);
  stage.onStrike(() => db.destroy());
  const env = { ORCHESTRATION_DATABASE_URL: server.url, ORCHESTRATION_DATA_DIR: dataDir };
  const checkpoints = new AuditCheckpoints(
    db,
    loadAuditKeys({ signing_key: null, trusted_keys: [] }, dataDir),
  );

  const rows: Row[] = [];
  let before = 0;
  for (const count of [Math.floor(total / 10), total]) {
    log(`writing ${count - before} records`);
    await fill(db, count - before);
    log('sealing them');
    rows.push(await measured('seal', count - before, process.pid, () => seal(db)));
    await checkpoints.write();
    for (const format of ['verify', 'export'] as const) {
      log(`conclave audit ${format}`);
      const command = conclave(['audit', format, ...(format === 'verify' ? ['--format', 'json'] : [])], env);
      rows.push(
        await measured(`conclave audit ${format}`, count, command.pid, async () => {
          const { lines, last } = await command.ended;
          if (format === 'verify') requireWhole(auditVerificationSchema.parse(JSON.parse(last)), count);
          else if (lines < count) throw new Error(`the export has ${lines} of ${count} records`);
        }),
      );
    }
    before = count;
  }
  return {
    bench: 'audit',
    head: ['', 'records', 'seconds', 'records/s', 'peak MiB'],
    cells: rows.map(({ name, rows: count, seconds, rows_per_second, peak_memory_mb }) => [
      name,
      count,
      seconds.toFixed(1),
      rows_per_second.toFixed(0),
      peak_memory_mb?.toFixed(0) ?? '-',
    ]),
    remarks: [
      `records of about ${await recordBytes(db)} bytes, of ${tenants} tenants; commands with their start; memory of the process that does it`,
    ],
    rows,
  };
}

/** As `publish` writes them, for a plan of four detectors. */
async function fill(db: Db, count: number): Promise<void> {
  const detectors = ['toxicity', 'pii', 'prompt-injection', 'dangerous-code'];
  const record = {
    received_at: new Date().toISOString(),
    content_length: 200,
    content_type: 'text',
    environment: 'prod',
    priority: 'normal',
    processing_mode: 'sync',
    policy: { bundle: 'default', version: '1.0', digest: 'f'.repeat(64) },
    decider: 'tenant_policy_opa',
    planned: detectors.map((name) => `${name}@1.0`),
    plan_digest: 'e'.repeat(64),
    unavailable: [],
    results: detectors.map((detector) => ({ detector, status: 'success', processing_time_ms: 21 })),
    coverage: 1,
    mapping: 'done',
    http_status: 200,
    error_code: null,
  };
  for (let left = count; left > 0; left -= filledAtOnce) {
    await sql`
      insert into audit (tenant_id, request_id, kind, record)
      select 'tenant-' || n % ${tenants}, gen_random_uuid(), 'orchestration',
             jsonb_build_object('correlation_id', gen_random_uuid()) || ${JSON.stringify(record)}::jsonb
      from generate_series(1, ${Math.min(left, filledAtOnce)}) n`.execute(db);
  }
  await sql`vacuum analyze audit`.execute(db);
}

async function seal(db: Db): Promise<void> {
  const sealer = new AuditSealer(db);
  while (await sealer.seal());
}

async function recordBytes(db: Db): Promise<number> {
  const { rows } = await sql<{ bytes: number }>`
    select avg(length(record::text))::int as bytes from (select record from audit limit 1000) sample`.execute(
    db,
  );
  return rows[0]!.bytes;
}

async function measured(name: string, rows: number, pid: number, work: () => Promise<void>): Promise<Row> {
  const memory = watchMemory(pid);
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1000;
  const peak = memory.peakMb();
  return {
    name,
    rows,
    seconds: round(seconds, 2),
    rows_per_second: round(rows / seconds, 0),
    peak_memory_mb: peak === null ? null : round(peak, 1),
  };
}

interface Ended {
  readonly lines: number;
  /** All of a short output. */
  readonly last: string;
}

function conclave(args: string[], env: Record<string, string>): { pid: number; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, ...env } });
  let lines = 0;
  let last = '';
  let complaint = '';
  child.stdout.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 10) lines++;
    last = (last + chunk.toString()).slice(-100_000);
  });
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const ended = new Promise<Ended>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) =>
      code === 0 ? done({ lines, last }) : fail(new Error(`conclave ${args.join(' ')}: ${complaint}`)),
    );
  });
  return { pid: child.pid!, ended };
}

function requireWhole({ intact, rows }: AuditVerification, count: number): void {
  if (!intact || rows < count) throw new Error(`the log of ${count} records is not intact: ${rows} are`);
}
