import type { Notifications } from '../../../src/store/notifications';
import { headOf } from '../../../src/domain/policy-lifecycle';
import type { Db } from '../../../src/store/database';
import { PolicyStates } from '../../../src/store/policy-states';
import { stateOf } from '../policy/samples';

describe('policies in PostgreSQL', () => {
  it('tell of the rows that can be read, and of the others that they cannot', async () => {
    const head = headOf(stateOf('chat'));
    const rows = [
      { tenant_id: 'acme', bundle: 'a', head, revision: '1' },
      { tenant_id: 'acme', bundle: 'b', head: { ...head, latest_status: 'unheard of' }, revision: '2' },
      { tenant_id: 'globex', bundle: 'c', head: { ...head, novelty: 1 }, revision: '3' },
    ];
    const unreadable: string[] = [];
    const notifications = { ask: async () => rows } as unknown as Pick<Notifications, 'ask'>;
    const states = new PolicyStates({} as Db, notifications, (tenant, bundle) =>
      unreadable.push(`${tenant}/${bundle}`),
    );
    expect(await states.news()).toEqual([
      { tenantId: 'acme', bundle: 'a', head },
      { tenantId: 'globex', bundle: 'c', head },
    ]);
    expect(unreadable).toEqual(['acme/b']);
  });
});
