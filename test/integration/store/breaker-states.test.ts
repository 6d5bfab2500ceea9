import { randomUUID } from 'node:crypto';
import { endpointSchema } from '../../../src/contract/upstream';
import { BreakerSharing } from '../../../src/registry/breaker-sharing';
import { Breakers } from '../../../src/registry/breakers';
import { BreakerStates } from '../../../src/store/breaker-states';
import { type Db, openDatabase } from '../../../src/store/database';
import { migrate } from '../../../src/store/migrations';
import { Notifications } from '../../../src/store/notifications';
import { eventually } from '../../support/eventually';
import { createDatabase, dropDatabase, testServers } from '../../support/system';
import { directoryWith } from '../../unit/registry/support';
import { unheard } from '../../support/unheard';

const { databaseUrl } = testServers();
const constants = {
  circuit_breaker_failure_threshold: 5,
  circuit_breaker_recovery_timeout_seconds: 60,
  half_open_test_requests: 3,
};

describe('breakers in the store', () => {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const stops: (() => Promise<void>)[] = [];
  let url: string;
  let db: Db;
  beforeAll(async () => {
    url = await createDatabase(databaseUrl, name);
    await migrate(url);
    db = openDatabase(url, 4);
  });
  afterAll(async () => {
    for (const stop of stops) await stop();
    await db?.destroy();
    await dropDatabase(databaseUrl, name);
  });

  /** Breakers as a process has them. */
  async function process() {
    const notifications = new Notifications(db, url);
    await notifications.listen();
    const directory = directoryWith({
      'a@1.0': endpointSchema.parse({ url: 'http://a', kind: 'detector' }),
      web: endpointSchema.parse({ url: 'http://web' }),
    });
    const breakers = new Breakers(directory, constants);
    const states = new BreakerStates(db, notifications, unheard);
    const sharing = new BreakerSharing(breakers, states, () => undefined, { warn: () => undefined });
    await sharing.start();
    stops.push(async () => {
      await sharing.stop();
      await notifications.close();
    });
    return { breakers, sharing, directory };
  }
  const failed = (breakers: Breakers, id: string) => breakers.record(id, 'failure', breakers.admit(id).epoch);

  it('come together from all processes, and are there after a restart [4.2] [B6]', async () => {
    const [a, b] = [await process(), await process()];
    for (const breakers of [a.breakers, b.breakers]) failed(breakers, 'a@1.0');
    for (let failure = 0; failure < 3; failure++) failed(a.breakers, 'a@1.0');
    for (const { breakers } of [a, b])
      await eventually(
        () => breakers.stateOf('a@1.0'),
        (state) => state === 'open',
      );
    const restarted = await process();
    expect(restarted.breakers.describe('a@1.0')).toMatchObject({
      state: 'open',
      counts: { failures: 5 },
      transitions: [{ from: 'closed', to: 'open', reason: 'failures' }],
    });
  });

  it('that an operator trips at one are open at all, and in the audit log', async () => {
    const [a, b] = [await process(), await process()];
    const requestId = randomUUID();
    await a.sharing.force('web', { action: 'trip', requestId, correlationId: 'c-1', tenantId: 'acme' });
    await eventually(
      () => b.breakers.admit('web').admitted,
      (admitted) => !admitted,
    );
    const records = await db
      .selectFrom('audit')
      .select(['tenant_id', 'kind', 'record'])
      .where('request_id', '=', requestId)
      .execute();
    expect(records).toEqual([
      {
        tenant_id: 'acme',
        kind: 'circuit_breaker_trip',
        record: { correlation_id: 'c-1', endpoint_ids: ['web'] },
      },
    ]);
  });

  it('go with their upstream', async () => {
    const { breakers, directory } = await process();
    const rows = () => db.selectFrom('circuit_breaker').select('endpoint_id').execute();
    failed(breakers, 'web');
    await eventually(rows, (found) => found.some(({ endpoint_id }) => endpoint_id === 'web'));
    directory.remove('web');
    await eventually(rows, (found) => !found.some(({ endpoint_id }) => endpoint_id === 'web'));
  });
});
