import { randomBytes, randomUUID } from 'node:crypto';
import type { EndedRunRecord } from '../../../src/contract/ended-run';
import { emptyReport } from '../../../src/domain/simulation-report';
import { type Db, openDatabase } from '../../../src/store/database';
import { type EndedRunRange, EndedRuns } from '../../../src/store/ended-runs';
import { KeyRing } from '../../../src/store/key-ring';
import { MasterKeys } from '../../../src/store/master-keys';
import { migrate } from '../../../src/store/migrations';
import { PlanRecords } from '../../../src/store/plan-records';
import { type NewSimulation, Simulations } from '../../../src/store/simulations';
import { createDatabase, dropDatabase, testServers } from '../../support/system';

const master = randomBytes(32);
const name = `test_${randomUUID().replaceAll('-', '')}`;
let db: Db;
let keys: KeyRing;
beforeAll(async () => {
  const url = await createDatabase(testServers().databaseUrl, name);
  await migrate(url);
  db = openDatabase(url, 4);
  keys = new KeyRing(db, new MasterKeys(() => [master]));
});
afterAll(async () => {
  await db?.destroy();
  await dropDatabase(testServers().databaseUrl, name);
});

const record: EndedRunRecord = {
  environment: 'dev',
  priority: 'normal',
  content_type: 'text',
  content_length: 3,
  plan_digest: 'p',
  required_detectors: [],
  excluded_detectors: [],
  unavailable: [],
  deadline_cut: false,
  results: [],
  outcome: {
    verdict: { kind: 'adverse', label: 'a-label-to-look-for', detector: 'a' },
    status: 200,
    coverage: 1,
    coverage_met: true,
    asked: ['a'],
    failure_actions: [],
    fell_back: false,
  },
};
const dayMs = 86_400_000;

function rangeOf(bundle: string, since: number, until: number): EndedRunRange {
  return { tenantId: 'acme', bundle, since: new Date(since), until: new Date(until) };
}

function runAt(bundle: string, at: number, text = JSON.stringify(record)) {
  return { tenantId: 'acme', bundle, requestId: randomUUID(), receivedAt: new Date(at), record: text };
}

describe('Runs that are kept', () => {
  it('come back page by page in the order of their time, each once, and of their bundle and time only', async () => {
    const runs = new EndedRuns(db, keys);
    const now = Date.now();
    // Several of one moment, so that a page ends among them.
    const kept = [3, 1, 2, 2, 2, 4].map((n) => runAt('paged', now + n));
    await runs.append([...kept, runAt('other', now + 2), runAt('paged', now), runAt('paged', now + 5)]);
    await runs.append(kept);
    const range = rangeOf('paged', now + 1, now + 5);
    expect(await runs.count(range)).toBe(6);
    const seen: string[] = [];
    for (let end = null; ;) {
      const page = await runs.page(range, end, 2);
      seen.push(...page.runs.map(({ requestId }) => requestId));
      expect(page.runs.map((run) => run.record)).toEqual(page.runs.map(() => record));
      if (page.next === null) break;
      end = page.next as never;
    }
    const byTime = kept.toSorted(
      (a, b) => a.receivedAt.getTime() - b.receivedAt.getTime() || (a.requestId < b.requestId ? -1 : 1),
    );
    expect(seen).toEqual(byTime.map(({ requestId }) => requestId));
  });

  it('are encrypted, and gone after their time', async () => {
    const runs = new EndedRuns(db, keys);
    const now = Date.now();
    await runs.append([runAt('aged', now - 31 * dayMs), runAt('aged', now - 29 * dayMs)]);
    const rows = await db.selectFrom('ended_run').select('record').execute();
    expect(rows.some(({ record: sealed }) => sealed.includes('a-label-to-look-for'))).toBe(false);
    await runs.removeExpired(30);
    expect(await runs.count(rangeOf('aged', 0, now))).toBe(1);
  });

  it('are marked where they cannot be read', async () => {
    const runs = new EndedRuns(db, keys);
    const now = Date.now();
    await runs.append([runAt('newer', now, JSON.stringify({ ...record, results: 'elsewhere' }))]);
    const { runs: page } = await runs.page(rangeOf('newer', now, now + 1), null, 10);
    expect(page.map((run) => run.record)).toEqual([null]);
  });
});

describe('Simulations that are kept', () => {
  const begun = (createdAt = new Date()): NewSimulation => ({
    simulationId: randomUUID(),
    range: rangeOf('simulated', 0, 1),
    candidate: { version: '1.1', digest: 'd', stored: false },
    document: Buffer.from('a candidate'),
    total: 3,
    createdAt,
    by: { principal: 'ann', correlationId: 'corr' },
  });
  const after = { at: new Date(7), requestId: randomUUID() };

  it('are committed by whoever knows how far they are, and by nobody else', async () => {
    const simulations = new Simulations(db, keys);
    const one = begun();
    expect(await simulations.begin(one, 100)).toBe(true);
    const state = (await simulations.resume(one.simulationId))!;
    expect(state).toMatchObject({ after: null, report: null, document: one.document });
    const report = { ...emptyReport, replayed: 2 };
    const { simulation } = state;
    expect(await simulations.advance(simulation, 0, { replayed: 2, after, report })).toBe(true);
    expect(await simulations.advance(simulation, 0, { replayed: 2, after, report })).toBe(false);
    expect(await simulations.resume(one.simulationId)).toMatchObject({ after, report });
    expect(await simulations.advance(simulation, 2, { replayed: 3, after: null, report })).toBe(true);
    expect(await simulations.resume(one.simulationId)).toBeNull();
    expect(await simulations.end(one.simulationId, 'cancelled', null)).toBe(false);
    expect(await simulations.find(one.simulationId, null)).toMatchObject({
      status: 'completed',
      replayed: 3,
    });
  });

  it('are so many at a time, and of those that have ended so many', async () => {
    const simulations = new Simulations(db, keys);
    const open = begun();
    expect(await simulations.begin(open, 1)).toBe(true);
    expect(await simulations.begin(begun(), 1)).toBe(false);
    expect(await simulations.open()).toEqual([{ simulationId: open.simulationId, tenantId: 'acme' }]);
    await simulations.end(open.simulationId, 'failed', 'why');
    for (let n = 0; n < 205; n++) {
      const one = begun(new Date(Date.now() + n));
      await simulations.begin(one, 1);
      await simulations.end(one.simulationId, 'cancelled', null);
    }
    const listed = await simulations.list('acme', 'simulated');
    // The last was still open when the oldest went.
    expect(listed).toHaveLength(200);
    const documents = await db.selectFrom('policy_simulation').select('document').execute();
    expect(documents.every(({ document }) => document.length === 0)).toBe(true);
  });
});

describe('Plans on record', () => {
  it('are filled in with what an earlier release did not write, and otherwise stay as they are', async () => {
    const plan = { considered: [], registrations: [{ name: 'a' }] } as never;
    const find = (digest: string) =>
      db
        .selectFrom('plan_record')
        .select('record')
        .where('plan_digest', '=', digest)
        .executeTakeFirstOrThrow();
    const older = { tenant_id: 'acme', plan_digest: 'older', record: JSON.stringify({ considered: ['x'] }) };
    await db.insertInto('plan_record').values(older).execute();
    await new PlanRecords(db).remember('acme', 'older', () => plan);
    expect((await find('older')).record).toEqual(plan);
    await new PlanRecords(db).remember('acme', 'older', () => ({ registrations: [] }) as never);
    expect((await find('older')).record).toEqual(plan);
  });
});
