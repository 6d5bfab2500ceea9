import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { PausePoint } from '../config/pause-point';
import type { TenantKeyRotationActivities } from '../contract/key-rotation';
import type { KeyRotations } from '../store/key-rotations';
import type { TenantKeyRotations } from '../store/tenant-key-rotations';
import { TenantKeyDestroyedError } from '../store/tenant-keys';
import { runningRotation } from './running-rotation';

export interface RotateTenantKeysDependencies {
  readonly rotations: Pick<KeyRotations, 'begin' | 'find' | 'progress'>;
  readonly tenants: TenantKeyRotations;
  readonly pause: PausePoint;
}

const page = 100;
const shiftMs = 20_000;

/** What the workflow of a rotation of all tenants' keys asks of the world. Each step does again what is left of it. */
export function createTenantKeyRotationActivities({
  rotations,
  tenants,
  pause,
}: RotateTenantKeysDependencies): TenantKeyRotationActivities {
  return {
    async recordScheduledRotation({ rotation_id: rotationId }) {
      const begun = await rotations.begin({
        rotationId,
        kind: 'tenant_keys',
        from: null,
        to: null,
        total: await tenants.count(),
        startedBy: 'schedule',
        workflowId: activityInfo().workflowExecution!.workflowId,
      });
      return { begun: begun.rotation_id === rotationId };
    },

    async rotateTenantKeys(input) {
      const { rotation_id: id, started_by: principal } = await runningRotation(rotations, input);
      const until = performance.now() + shiftMs;
      while (performance.now() < until) {
        const left = await tenants.left(id, page);
        if (left.length === 0) return { done: true };
        for (const tenantId of left) {
          await tenants.rotate(tenantId, { principal, requestId: id }, id).catch(unlessDestroyed);
          await pause('tenant_key_rotated');
          heartbeat();
          cancellationSignal().throwIfAborted();
        }
        await rotations.progress(id, (await tenants.outcome(id)).done);
      }
      return { done: false };
    },

    async endTenantKeyRotation({ rotation_id: id, error }) {
      await tenants.end(id, error);
    },
  };
}

/** It has left meanwhile. */
function unlessDestroyed(error: unknown): void {
  if (!(error instanceof TenantKeyDestroyedError)) throw error;
}
