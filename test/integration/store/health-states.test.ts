import { randomUUID } from 'node:crypto';
import type { CheckResult, HealthMerge } from '../../../src/contract/endpoint-health';
import { healthCheckSchema } from '../../../src/contract/upstream';
import { healthAfter, initialHealth } from '../../../src/domain/health';
import { type Db, openDatabase } from '../../../src/store/database';
import { HealthEvents } from '../../../src/store/health-events';
import { HealthStates } from '../../../src/store/health-states';
import { migrate } from '../../../src/store/migrations';
import type { Happening } from '../../../src/contract/notices';
import { Notifications } from '../../../src/store/notifications';
import { eventually } from '../../support/eventually';
import { createDatabase, dropDatabase, testServers } from '../../support/system';
import { unheard } from '../../support/unheard';

const { databaseUrl } = testServers();
const well: CheckResult = { ok: true, response_ms: 10, error: null };
const ill: CheckResult = { ok: false, response_ms: 30, error: 'it answered 500' };

describe('health in the store', () => {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  let url: string;
  let db: Db;
  let notifications: Notifications;
  let states: HealthStates;
  const told: Happening[] = [];
  beforeAll(async () => {
    url = await createDatabase(databaseUrl, name);
    await migrate(url);
    db = openDatabase(url, 4);
    notifications = new Notifications(db, url);
    await notifications.listen();
    states = new HealthStates(db, notifications, {
      record: async (_tx, happenings) => void told.push(...happenings),
    });
  });
  afterAll(async () => {
    await notifications?.close();
    await db?.destroy();
    await dropDatabase(databaseUrl, name);
  });

  const rules = { of: 'endpoint', check: healthCheckSchema.parse({}) } as const;
  const record = (endpoint_id: string, result: CheckResult, changes: Partial<HealthMerge> = {}) =>
    states.record({
      endpoint_id,
      url: 'http://web',
      result,
      at: Date.now(),
      history_size: 100,
      after: (stored) => ({
        health: healthAfter(stored ?? initialHealth, result.ok, Date.now(), rules),
        next_check_at: 1_700_000_000_000,
        event: null,
      }),
      ...changes,
    });

  it('is claimed by one at a time; a claim whose holder died passes [H4] [H8]', async () => {
    expect(await states.claim('web', 'http://web', 60_000)).toBe(true);
    expect(await states.claim('web', 'http://web', 60_000)).toBe(false);
    await record('web', well);
    expect(await states.claim('web', 'http://web', 1)).toBe(true);
    await eventually(() => states.claim('web', 'http://web', 60_000), Boolean);
    await states.release('web');
    expect(await states.claim('web', 'http://web', 60_000)).toBe(true);
    await states.release('web');
  });

  it('is told to operators when it is lost, and when it is back, once each', async () => {
    told.splice(0);
    for (const result of [ill, ill, ill, ill, ill, well, well, well]) await record('flapping', result);
    expect(told).toEqual(
      ['upstream_unhealthy', 'upstream_recovered'].map((event) => ({
        event,
        tenant_id: null,
        subject: 'flapping',
        reason: null,
      })),
    );
  });

  it('is known to another process, which is told at once of what goes wrong [H2] [H6]', async () => {
    const other = new HealthStates(db, notifications, unheard);
    let told = 0;
    other.onChange(() => (told += 1));
    await other.changed();
    await record('heard', ill);
    await eventually(
      () => told,
      (times) => times > 0,
    );
    expect(await other.changed()).toMatchObject([
      {
        endpoint_id: 'heard',
        health: { consecutive_failures: 1 },
        next_check_at: 1_700_000_000_000,
        error: 'it answered 500',
      },
    ]);
    expect(await other.changed()).toEqual([]);
  });

  it('goes on from what is stored, unless the address is another', async () => {
    await record('moved', ill);
    expect((await record('moved', ill)).stored.health.consecutive_failures).toBe(2);
    const { stored, before } = await record('moved', ill, { url: 'http://elsewhere' });
    expect([stored.health.consecutive_failures, before]).toEqual([1, null]);
  });

  it('keeps as many checks as it should, and what they come to [H5] [H6]', async () => {
    for (const result of [ill, ill, well, well, ill, well]) await record('kept', result, { history_size: 4 });
    expect((await states.history('kept', 10)).map(({ ok }) => ok)).toEqual([true, false, true, true]);
    expect(await states.history('kept', 1)).toMatchObject([{ ok: true, response_ms: 10, error: null }]);
    expect(await states.figures('kept')).toEqual([
      { endpoint_id: 'kept', availability: 0.75, average_ms: 10 },
    ]);
    const slas = [
      { endpoint_id: 'kept', sla_ms: 10 },
      { endpoint_id: 'never', sla_ms: 10 },
    ];
    expect(await states.compliance(slas)).toEqual(new Map([['kept', 0.75]]));
    await states.remove(['kept']);
    expect(await states.history('kept', 10)).toEqual([]);
  });

  it('has events told by one at a time, until they are settled [H7]', async () => {
    const events = new HealthEvents(db);
    const body = {
      event: 'health.changed',
      endpoint_id: 'told',
      old_status: 'healthy',
      new_status: 'unhealthy',
      consecutive_failures: 3,
      response_time: null,
      error_message: null,
      timestamp: new Date().toISOString(),
    } as const;
    await record('told', ill, {
      after: () => ({ health: initialHealth, next_check_at: 0, event: { url: 'http://hook', body } }),
    });
    const [event] = await events.take(10);
    expect([event!.url, event!.attempts, JSON.parse(event!.body)]).toEqual(['http://hook', 0, body]);
    expect(await events.take(10)).toEqual([]);
    await events.postpone(event!.event_id, 1);
    const [again] = await eventually(
      () => events.take(10),
      (taken) => taken.length === 1,
    );
    expect(again).toEqual({ ...event, attempts: 1 });
    await events.settle(event!.event_id);
    expect(await db.selectFrom('health_event').selectAll().execute()).toEqual([]);
  });
});
