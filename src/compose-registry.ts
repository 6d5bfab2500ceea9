import { randomUUID } from 'node:crypto';
import type { Settings } from './contract/config';
import { nameInId } from './domain/registry';
import type { SyncPlan } from './domain/registry-sync';
import { ConfigSource } from './registry/config-source';
import { LiveRegistry } from './registry/live-registry';
import type { CacheGenerations } from './store/cache-generations';
import type { Db } from './store/database';
import type { Notifications } from './store/notifications';
import { Upstreams } from './store/upstreams';
import type { Logger } from './telemetry/logger';

interface RegistryParts {
  readonly settings: Settings;
  readonly db: Db;
  readonly notifications: Notifications;
  readonly generations: Pick<CacheGenerations, 'invalidate'>;
  readonly builtinUrl: string;
  readonly log: Logger;
}

/** The part of the composition root that keeps the registry: what all processes share, and the file that this one watches. */
export async function composeRegistry(parts: RegistryParts) {
  const { settings, db, notifications, log } = parts;
  const store = new Upstreams(db, notifications);
  const registry = new LiveRegistry({
    store,
    builtinUrl: parts.builtinUrl,
    onHint: (listener) => {
      notifications.on('message', ({ kind }) => {
        if (kind === 'registry_changed') listener();
      });
      notifications.on('reconnected', listener);
    },
    expire: async () => {
      const expired = await store.expire({
        requestId: randomUUID(),
        correlationId: null,
        what: 'no heartbeat',
      });
      if (expired.length > 0) log.warn({ removed: expired }, 'upstreams were not heard of and have expired');
    },
    report: (ids) =>
      log.error({ endpoint_ids: ids }, 'upstreams that another release registered are left out'),
  });
  const config = new ConfigSource({
    file: settings.registry.path,
    store,
    refresh: () => registry.refresh(),
    refused: (errors) =>
      log.error(
        { file: settings.registry.path, errors },
        'the registry file is invalid; the registry stays as it is',
      ),
    applied: async (plan, version) => {
      tell(log, plan, version);
      await forgetAnswers(parts.generations, [...plan.updated, ...plan.removed]);
    },
    newId: randomUUID,
  });
  registry.onChange(({ added, updated, removed }) =>
    log.info({ added, updated, removed }, 'the registry has changed'),
  );
  await registry.start();
  await config.start();
  return {
    store,
    registry,
    config,
    stop: () => {
      config.stop();
      registry.stop();
    },
  };
}

function tell(log: Logger, plan: SyncPlan, version: string): void {
  const { added, updated, removed, unchanged } = plan;
  log.info({ config_version: version, added, updated, removed, unchanged }, 'the registry file is loaded');
  if (plan.takenOver.length > 0)
    log.warn(
      { endpoint_ids: plan.takenOver },
      'the registry file has taken over what was registered by hand',
    );
  for (const { endpoint_id, message } of plan.errors)
    log.error({ endpoint_id, message }, 'an entry of the registry file could not be applied');
}

/** Answers that a changed detector had a part in are not given any more (spec/orchestration.md 6). */
async function forgetAnswers(
  generations: RegistryParts['generations'],
  endpointIds: readonly string[],
): Promise<void> {
  for (const detector of new Set(endpointIds.map(nameInId))) {
    await generations.invalidate({ detector }, { requestId: randomUUID(), correlationId: randomUUID() });
  }
}
