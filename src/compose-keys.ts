import type { Client } from '@temporalio/client';
import { createKeyRotationActivities } from './activities/rotate-keys';
import { createTenantKeyRotationActivities } from './activities/rotate-tenant-keys';
import type { KeysRouterDependencies } from './api/keys-router';
import type { PausePoint } from './config/pause-point';
import type { Settings } from './contract/config';
import type { Db } from './store/database';
import { KeyHolders } from './store/key-holders';
import type { KeyRing } from './store/key-ring';
import { KeyRotations } from './store/key-rotations';
import type { MasterKeys } from './store/master-keys';
import type { Notices } from './store/notices';
import type { Notifications } from './store/notifications';
import { Rewrapping } from './store/rewrapping';
import { TenantKeyRotations } from './store/tenant-key-rotations';
import { KeyManagement } from './submission/key-management';
import { KeyRotationGateway } from './submission/key-rotation-gateway';
import { KeyRotationSchedule } from './submission/key-rotation-schedule';
import type { Logger } from './telemetry/logger';

/** The part of the composition root that changes what everything is encrypted under. */
export async function composeKeys(parts: {
  readonly settings: Settings;
  readonly db: Db;
  readonly keys: KeyRing;
  readonly masters: MasterKeys;
  readonly notices: Notices;
  readonly notifications: Notifications;
  readonly client: Client;
  /** Whether rotations run here. */
  readonly maintenance: boolean;
  readonly processId: string;
  readonly pause: PausePoint;
  readonly log: Logger;
}) {
  const { settings, db, masters, client, pause, log } = parts;
  const { tenantKeys } = parts.keys;
  const rotations = new KeyRotations(db, parts.notices);
  const tenants = new TenantKeyRotations(db, tenantKeys, rotations, parts.notices);
  const rewrapping = new Rewrapping(db, masters);
  const holders = new KeyHolders(db, masters, parts.processId, (error) =>
    log.warn(
      { error },
      'which master keys this process holds could not be told; the next try comes in a moment',
    ),
  );
  await holders.start(parts.notifications);
  const { task_queue: taskQueue } = settings.workflow;
  const schedule = new KeyRotationSchedule(client, taskQueue, settings.security.key_rotation_schedule, log);
  const management = new KeyManagement({
    tenantKeys,
    masters,
    rotations,
    tenants,
    rewrapping,
    holders,
    gateway: new KeyRotationGateway(client, taskQueue),
    pause,
    now: Date.now,
    log,
  });
  if (parts.maintenance) {
    management.start();
    schedule.start();
  }
  return {
    activities: {
      ...createKeyRotationActivities({
        rotations,
        rewrapping,
        holders,
        masters,
        nextMaster: () => tenantKeys.nextMaster(),
        pause,
        log,
      }),
      ...createTenantKeyRotationActivities({ rotations, tenants, pause }),
    },
    routes: { keys: management } satisfies { readonly keys: KeysRouterDependencies['keys'] },
    async stop() {
      management.stop();
      schedule.stop();
      await holders.stop();
    },
  };
}
