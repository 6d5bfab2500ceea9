import { randomBytes } from 'node:crypto';
import { createKeyRotationActivities } from '../../../src/activities/rotate-keys';
import { KeyRotations } from '../../../src/store/key-rotations';
import { MasterKeys } from '../../../src/store/master-keys';
import { Rewrapping } from '../../../src/store/rewrapping';
import { scriptedDb } from '../store/scripted-database';
import { unheard } from '../../support/unheard';

const id = 'a-rotation';

/** Over a store that holds one rotation. */
function activities(status: 'running' | 'completed' | 'restored') {
  const changes: string[] = [];
  const row = {
    rotation_id: id,
    scope: 'master',
    status,
    from_key: 'old',
    to_key: 'new',
    started_at: new Date(),
    completed_at: null,
  };
  const db = scriptedDb(({ sql }) => {
    if (sql.startsWith('select * from "key_rotation"')) return [row];
    changes.push(sql);
    return [];
  });
  const masters = new MasterKeys(() => [randomBytes(32)]);
  const made = createKeyRotationActivities({
    rotations: new KeyRotations(db, unheard),
    rewrapping: new Rewrapping(db, masters),
    holders: { askAll: () => Promise.resolve(), without: () => Promise.resolve([]) },
    masters,
    nextMaster: () => Promise.resolve(null),
    pause: () => Promise.resolve(),
    log: { warn: () => undefined },
  });
  return { changes, ...made };
}

describe('A rotation of the master key', () => {
  it('that was finished, and whose word of it was lost, is finished once more without a change', async () => {
    const { finishRotation, changes } = activities('completed');
    await expect(finishRotation({ rotation_id: id })).resolves.toBeUndefined();
    expect(changes).toEqual([]);
  });

  it('that was undone is not finished any more', async () => {
    const { finishRotation, changes } = activities('restored');
    await expect(finishRotation({ rotation_id: id })).rejects.toMatchObject({ type: 'rotation_ended' });
    expect(changes).toEqual([]);
  });

  it.each(['completed', 'restored'] as const)('that is %s is not undone', async (status) => {
    const { restoreKeys, changes } = activities(status);
    await restoreKeys({ rotation_id: id, error: 'it was cancelled' });
    expect(changes).toEqual([]);
  });
});
