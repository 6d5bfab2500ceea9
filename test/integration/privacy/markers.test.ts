import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client as PgClient } from 'pg';
import { superuser } from '../../../src/embedded/postgres-cluster';
import { System, testServers } from '../../support/system';
import {
  behaveMarked,
  markedDetectors,
  markedPolicies,
  sendJobs,
  sendRefused,
  sendSync,
  type Statuses,
} from './marked-traffic';
import {
  filesSince,
  type Hit,
  type Marks,
  needlesFor,
  newMarks,
  searchBytes,
  searchFile,
} from './marker-search';
import { type OwnService, startService } from './own-services';

jest.setTimeout(240_000);

/** Databases cut what they store at the borders of their pages; not every copy is cut at the same place. */
function threeTimes(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(701, '.'), bytes, Buffer.alloc(1303, '.'), bytes]);
}

/** A text under every guise, as common encoders make it of a whole text: apart from how the search makes its needles. */
function disguised(text: string): Buffer {
  const json = (value: string): string =>
    JSON.stringify(value).replaceAll(/[^\x20-\x7e]/g, (unit) => {
      return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    });
  const everyUnit = (value: string): string =>
    value.replaceAll(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const upper = (value: string): string => value.replaceAll(/[a-f]/g, (digit) => digit.toUpperCase());
  const escaped = everyUnit(text);
  const parts = [
    text,
    json(text),
    escaped,
    upper(escaped),
    json(json(text)),
    JSON.stringify(escaped),
    encodeURIComponent(text),
    encodeURIComponent(text).toLowerCase(),
    ...(['hex', 'base64', 'base64url'] as const).flatMap((encoding) =>
      ['', 'x', 'xy'].map((before) => Buffer.from(`${before}${text} and more`).toString(encoding)),
    ),
    Buffer.from(text).toString('hex').toUpperCase(),
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
    upper([...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')),
  ];
  const wide = Buffer.from(text, 'utf16le');
  return Buffer.concat([Buffer.from(parts.join('\n')), wide, Buffer.from('\n'), Buffer.from(wide).swap16()]);
}

const guises = (hits: readonly Hit[]): string[] =>
  [...new Set(hits.map(({ mark, encoding }) => `${mark} ${encoding}`))].sort();
const allGuises = (marks: Marks): string[] =>
  needlesFor(marks)
    .map(({ mark, encoding }) => `${mark} ${encoding}`)
    .sort();

describe('what callers and detectors say', () => {
  const marks = newMarks();
  /** Planted on purpose in every place that is searched. */
  const control = newMarks();
  const planted = threeTimes(disguised(`${control.word} ${control.han}`));
  const startedAt = Date.now() - 1000;
  const servicesDir = mkdtempSync(path.join(tmpdir(), 'conclave-services-'));
  const services: OwnService[] = [];
  let system: System;
  let statuses: { sync: Statuses; jobs: Statuses; refused: Statuses };
  let places: Record<string, string[]>;
  let rows: Buffer;

  beforeAll(async () => {
    const mapper = await startService('mapper', servicesDir);
    services.push(mapper);
    const builtin = await startService('detectors', servicesDir);
    services.push(builtin);
    system = await System.start({
      detectors: markedDetectors,
      policies: markedPolicies,
      mapper: `http://127.0.0.1:${mapper.port}`,
      env: {
        ORCHESTRATION_LOG_LEVEL: 'trace',
        ORCHESTRATION_REGISTRY__BUILTIN_PORT: String(builtin.port),
        ORCHESTRATION_WORKFLOW__POOLS: '["marked"]',
        // Large contents take their time on a busy machine, and this is not about time.
        ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '15000',
        ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: '6000',
        ORCHESTRATION_ORCHESTRATION__ASYNC_REQUEST_SLA_MS: '60000',
      },
    });
    behaveMarked(system, marks);
    statuses = {
      sync: await sendSync(system, marks),
      refused: await sendRefused(system, marks),
      jobs: await sendJobs(system, marks),
    };
    await plant();
    await Promise.all([
      ...system.parts.map((part) => part.end()),
      ...services.map((service) => service.stop()),
    ]);
    rows = await allRows();
    await checkpoint();
    places = placesToSearch();
  });
  afterAll(async () => {
    await system?.stop();
    await Promise.all(services.map((service) => service.stop()));
    rmSync(servicesDir, { recursive: true, force: true });
  });

  async function plant(): Promise<void> {
    for (const folder of [system.dataDir, servicesDir])
      appendFileSync(path.join(folder, 'planted.log'), planted);
    mkdirSync(path.join(serverDir(), 'logs'), { recursive: true });
    appendFileSync(path.join(serverDir(), 'logs', `planted-${system.database}.log`), planted);
    await system.db.query('create table planted (bytes bytea)');
    await system.db.query('alter table planted alter bytes set storage external');
    await system.db.query('insert into planted values ($1)', [planted]);
    const handle = await system.temporal.workflow.start('planted', {
      taskQueue: system.taskQueue,
      workflowId: `planted-${system.database}`,
      args: [planted],
    });
    await handle.terminate();
  }

  /** Every row as text: what PostgreSQL compresses on disk shows here. */
  async function allRows(): Promise<Buffer> {
    const tables = await system.db.query<{ name: string }>(
      `select tablename as name from pg_tables where schemaname = 'public' and tablename <> 'planted'`,
    );
    const texts: string[] = [];
    for (const { name } of tables.rows) {
      const { rows: found } = await system.db.query<{ row: string }>(
        `select t::text as row from "${name}" t`,
      );
      texts.push(...found.map(({ row }) => row));
    }
    return Buffer.from(texts.join('\n'));
  }

  /** Makes PostgreSQL write what it holds in memory. */
  async function checkpoint(): Promise<void> {
    const url = new URL(testServers().databaseUrl);
    url.username = superuser;
    const client = new PgClient({ connectionString: url.href });
    await client.connect();
    await client.query('checkpoint');
    await client.end();
  }

  function serverDir(): string {
    return process.env['CONCLAVE_TEST_DATA_DIR']!;
  }

  function placesToSearch(): Record<string, string[]> {
    const temporalDb = process.env['CONCLAVE_TEST_TEMPORAL_DB']!;
    const all = filesSince(serverDir(), startedAt);
    const database = filesSince(process.env['CONCLAVE_TEST_DATABASE_DIR']!, startedAt);
    const temporal = all.filter((file) => file.startsWith(temporalDb));
    return {
      'the Temporal database with its WAL': temporal,
      'the PostgreSQL data folder': database.filter((file) => !file.includes('pg_wal')),
      'the WAL of PostgreSQL': database.filter((file) => file.includes('pg_wal')),
      'the logs of the servers': all.filter((file) => !temporal.includes(file) && !database.includes(file)),
      'the data folder of facade and worker': filesSince(system.dataDir, startedAt),
      'the data folder of mapper and detectors': filesSince(servicesDir, startedAt),
    };
  }

  it('was said: requests of every kind took the way they were meant for', () => {
    expect(statuses.sync).toEqual({
      keyed: 200,
      replayed: 'true',
      conflicting: 409,
      with_metadata: 200,
      repeated: 'HIT',
      partial: 206,
      failed: 502,
      echoed: '[REDACTED:CONTENT]',
      policy_failed: 'opa_unavailable',
      large: 200,
    });
    expect(statuses.jobs).toEqual({
      completed: 'completed',
      failed: 'failed',
      pooled: 'completed',
      large: 'completed',
      rerun_of_large: 'completed',
      rerun_of_failed: 'failed',
      rerun_with_content: 'completed',
      rerun_with_other_content: expect.any(Number),
      converted: '202 completed',
      converted_failed: '202 failed',
      cancelled: 200,
    });
    expect(statuses.refused).toMatchObject({ not_json: 400, credential: 401, unknown_job: 404 });
    expect(Object.values(statuses.refused).every((status) => Number(status) >= 400)).toBe(true);
    expect(Object.values(statuses.refused)).not.toContain(500);
    const heard = system.detectors.calls.filter(({ body }) => body.includes(marks.word));
    expect(new Set(heard.map(({ detector }) => detector))).toEqual(
      new Set(['echo', 'label', 'verdict', 'broken', 'garbage', 'closing', 'pooled']),
    );
  });

  it('is found by the search wherever it is planted, raw, in base64, JSON-escaped, in UTF-16, hex, URL-encoded', () => {
    const needles = needlesFor(control);
    const found = Object.entries(places).map(([place, files]) => [
      place,
      guises(files.flatMap((file) => searchFile(file, needles))),
    ]);
    expect(Object.fromEntries(found)).toEqual(
      Object.fromEntries(Object.keys(places).map((place) => [place, allGuises(control)])),
    );
    expect(needles.length).toBeGreaterThan(25);
  });

  it('is in no file of databases, write-ahead logs, logs and data folders, under any guise [C.9] [platform 21.1]', () => {
    const needles = needlesFor(marks);
    const hits = Object.values(places).flatMap((files) => files.flatMap((file) => searchFile(file, needles)));
    expect(hits).toEqual([]);
  });

  it('is in no row of the store, compressed or not, audit included [C.9] [platform 21.1]', () => {
    expect(rows.length).toBeGreaterThan(100_000);
    expect(searchBytes(rows, needlesFor(marks), 'rows')).toEqual([]);
  });
});
