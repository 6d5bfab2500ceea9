import { createTenantKeyRotationActivities } from '../../../src/activities/rotate-tenant-keys';
import { KeyRotations } from '../../../src/store/key-rotations';
import { TenantKeyRotations } from '../../../src/store/tenant-key-rotations';
import { unheard } from '../../support/unheard';
import { scriptedDb } from '../store/scripted-database';

const id = 'a-rotation';

/** Over a store that holds one rotation; two tenants had their turn, one of them in vain. */
function activities(status: 'running' | 'completed' | 'incomplete') {
  const changes: { readonly sql: string; readonly parameters: readonly unknown[] }[] = [];
  const row = { rotation_id: id, scope: 'tenants', status, started_at: new Date(), completed_at: null };
  const db = scriptedDb(({ sql, parameters }) => {
    if (sql.startsWith('select * from "key_rotation"')) return [row];
    if (sql.startsWith('select (count')) return [{ done: 1, failed: 1 }];
    changes.push({ sql, parameters });
    return sql.startsWith('update') && status === 'running' ? [{ started_by: 'somebody' }] : [];
  });
  const rotations = new KeyRotations(db, unheard);
  const keys = {
    addVersion: () => Promise.reject(new Error('nobody is given a key')),
    newestVersion: () => Promise.resolve(1),
  };
  const tenants = new TenantKeyRotations(db, keys, rotations, unheard);
  const made = createTenantKeyRotationActivities({ rotations, tenants, pause: () => Promise.resolve() });
  return { changes, ...made };
}

describe('A rotation of all tenants’ keys', () => {
  it.each(['completed', 'incomplete'] as const)('that is %s gives nobody a key any more', async (status) => {
    const { rotateTenantKeys, changes } = activities(status);
    await expect(rotateTenantKeys({ rotation_id: id })).rejects.toMatchObject({ type: 'rotation_ended' });
    expect(changes).toEqual([]);
  });

  it('that has ended ends with no further word', async () => {
    const { endTenantKeyRotation, changes } = activities('completed');
    await endTenantKeyRotation({ rotation_id: id, error: null });
    expect(changes).toMatchObject([{ sql: expect.stringMatching(/^update "key_rotation"/) }]);
  });

  it.each([
    [null, 'the keys of 1 of 2 tenants could not be verified'],
    ['it was cancelled', 'it was cancelled'],
  ])('is incomplete where a tenant is left as it was: %p', async (error, reason) => {
    const { endTenantKeyRotation, changes } = activities('running');
    await endTenantKeyRotation({ rotation_id: id, error });
    expect(changes[0]!.parameters).toEqual(expect.arrayContaining(['incomplete', reason]));
    expect(JSON.stringify(changes[1]!.parameters)).toContain('tenant_keys_rotation_incomplete');
  });
});
