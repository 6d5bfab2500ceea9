import { setTimeout as delay } from 'node:timers/promises';
import { ApplicationFailure, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { PausePoint } from '../config/pause-point';
import type { KeyRotationActivities } from '../contract/key-rotation';
import type { KeyHolders } from '../store/key-holders';
import type { KeyRotations } from '../store/key-rotations';
import type { MasterKeys } from '../store/master-keys';
import type { Rewrapping } from '../store/rewrapping';
import { KeyVerificationError } from '../store/tenant-keys';
import { runningRotation } from './running-rotation';

export interface RotateKeysDependencies {
  readonly rotations: KeyRotations;
  readonly rewrapping: Rewrapping;
  readonly holders: Pick<KeyHolders, 'askAll' | 'without'>;
  readonly masters: Pick<MasterKeys, 'add'>;
  /** Of those that are held and were never in use, the first. */
  readonly nextMaster: () => Promise<string | null>;
  readonly pause: PausePoint;
  readonly log: { warn(fields: object, message: string): void };
}

const askEveryMs = 250;
const waitMs = 20_000;
const shiftMs = 20_000;

/** What the workflow of a rotation asks of the world. Each step does again what it did when it is asked again. */
export function createKeyRotationActivities(deps: RotateKeysDependencies): KeyRotationActivities {
  const { rotations, rewrapping, holders } = deps;
  return {
    async installMasterKey(input) {
      const { rotation_id: id, to } = await runningRotation(rotations, input);
      const masterKeyId = to ?? (await deps.nextMaster()) ?? deps.masters.add();
      if (masterKeyId === null) {
        throw ApplicationFailure.nonRetryable('there is no new master key to rotate to', 'no_new_key');
      }
      await rotations.aim(id, masterKeyId, await rewrapping.left(masterKeyId));
      await untilEveryoneHolds(holders, masterKeyId);
      await rewrapping.switchTo(masterKeyId, id);
    },

    async rewrapKeys(input) {
      const { rotation_id: id, from, to, keys_total: total } = await runningRotation(rotations, input);
      const until = performance.now() + shiftMs;
      while (performance.now() < until) {
        const pageSize = await rewrapping.rewrapPage(to!, from!);
        await rotations.progress(id, Math.max(0, total - (await rewrapping.left(to!))));
        if (pageSize === 0) {
          await deps.pause('rewrapped');
          return { done: true };
        }
        await deps.pause('rewrapping');
        heartbeat();
        cancellationSignal().throwIfAborted();
      }
      return { done: false };
    },

    async verifyKeys(input) {
      const { to } = await runningRotation(rotations, input);
      try {
        await rewrapping.verify(to!, heartbeat);
      } catch (error) {
        if (!(error instanceof KeyVerificationError)) throw error;
        deps.log.warn({ rotation_id: input.rotation_id, error }, 'a rotation of keys is undone');
        throw ApplicationFailure.nonRetryable(error.message, 'key_verification_failed');
      }
    },

    async finishRotation({ rotation_id: id }) {
      // It was finished, and the word of it was lost.
      if ((await rotations.find(id))?.status === 'completed') return;
      await runningRotation(rotations, { rotation_id: id });
      await rewrapping.forgetPrevious();
      await rotations.end(id, 'completed', null);
    },

    async restoreKeys({ error, ...input }) {
      const rotation = await rotations.find(input.rotation_id);
      if (rotation?.status !== 'running') return;
      const { rotation_id: rotationId, from, to } = rotation;
      if (to !== null) await rewrapping.restore({ from: from!, to, rotationId });
      await rotations.end(rotationId, 'restored', error);
    },
  };
}

async function untilEveryoneHolds(
  holders: RotateKeysDependencies['holders'],
  masterKeyId: string,
): Promise<void> {
  await holders.askAll();
  const until = performance.now() + waitMs;
  for (;;) {
    const without = await holders.without(masterKeyId);
    if (without.length === 0) return;
    if (performance.now() > until) {
      throw ApplicationFailure.retryable(
        `${without.length} processes do not hold the new master key: ${without.slice(0, 5).join(', ')}`,
        'key_not_everywhere',
      );
    }
    heartbeat();
    await delay(askEveryMs, undefined, { signal: cancellationSignal() });
  }
}
