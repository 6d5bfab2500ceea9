import { randomUUID } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { withCapabilities } from './detectors/capabilities';
import type { Settings } from './contract/config';
import type { Upstream } from './contract/upstream';
import { nameInId } from './domain/registry';
import type { Listed, SyncPlan } from './domain/registry-sync';
import type { Outbound } from './outbound/outbound';
import { ConfigSource } from './registry/config-source';
import { Discovery } from './registry/discovery';
import { dnsDiscovery } from './registry/dns-discovery';
import { kubernetesDiscovery } from './registry/kubernetes-discovery';
import { LiveRegistry } from './registry/live-registry';
import type { Complete } from './registry/registrar';
import { resolveBuiltin, upstreamOf } from './registry/upstream-of';
import type { CacheGenerations } from './store/cache-generations';
import type { Db } from './store/database';
import { hear, type Notifications } from './store/notifications';
import { apart, whenCommitted } from './store/one-transaction';
import { configVersionText, Upstreams } from './store/upstreams';
import type { Logger } from './telemetry/logger';
import type { UpstreamMetrics } from './telemetry/upstream-metrics';

export interface RegistryParts {
  readonly settings: Settings;
  readonly db: Db;
  readonly notifications: Notifications;
  readonly generations: Pick<CacheGenerations, 'invalidate'>;
  readonly builtinUrl: string;
  readonly outbound: Pick<Outbound, 'pools' | 'credentials'>;
  readonly upstreamMetrics: UpstreamMetrics;
  readonly log: Logger;
}

/** The part of the composition root that keeps the registry: what all processes share, and the file that this one watches. */
export async function composeRegistry(parts: RegistryParts & { readonly discover: boolean }) {
  const { settings, db, notifications, upstreamMetrics: metrics, log } = parts;
  const store = new Upstreams(db, notifications);
  const registry = new LiveRegistry({
    store,
    builtinUrl: parts.builtinUrl,
    onHint: (listener) => hear(notifications, 'registry_changed', listener),
    expire: async () => {
      const expired = await store.expire({
        requestId: randomUUID(),
        correlationId: null,
        what: 'no heartbeat',
      });
      metrics.operated('expire', 'success', expired.length);
      if (expired.length > 0) log.warn({ removed: expired }, 'upstreams were not heard of and have expired');
    },
    report: (ids) =>
      log.error({ endpoint_ids: ids }, 'upstreams that another release registered are left out'),
  });
  const complete = completing(parts);
  let introduce: (detectors: readonly Upstream[]) => Promise<void> = () => Promise.resolve();
  const config = new ConfigSource({
    complete,
    // Many are asked at a time, and what they say is true whether they are registered or not.
    introduce: (listed) => apart(() => introduce(detectorsAmong(listed, parts.builtinUrl))),
    file: settings.registry.path,
    store,
    refresh: () => registry.refresh(),
    whenCommitted,
    refused: (errors) => {
      metrics.reloaded('failure');
      log.error(
        { file: settings.registry.path, errors },
        'the registry file is not applied; the registry stays as it is',
      );
    },
    applied: async (plan, version) => {
      metrics.reloaded('success');
      count(metrics, plan);
      metrics.operated('register', 'refused', plan.errors.length);
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
  const discovery = discoveryOf(parts, store, registry, complete);
  if (parts.discover) discovery.start();
  return {
    store,
    registry,
    config,
    complete,
    /** Called with the detectors that the file lists before they are registered or move. */
    introduceBy: (by: typeof introduce) => void (introduce = by),
    versions: async () => {
      const [current, history] = await Promise.all([store.configVersion(), store.configHistory()]);
      return { current: current.generation === 0 ? null : configVersionText(current), history };
    },
    stop: async () => {
      config.stop();
      await discovery.stop();
      registry.stop();
    },
  };
}

function discoveryOf(
  { settings, generations, upstreamMetrics: metrics, log }: RegistryParts,
  store: Upstreams,
  registry: LiveRegistry,
  complete: Complete,
): Discovery {
  return new Discovery({
    complete,
    sources: settings.registry.discovery.map((source) =>
      source.type === 'dns' ? dnsDiscovery(source, new Resolver()) : kubernetesDiscovery(source),
    ),
    store,
    refresh: () => registry.refresh(),
    applied: async ({ added, updated, removed }, source) => {
      count(metrics, { added, updated, removed });
      log.info({ source, added, updated, removed }, 'discovery has changed the registry');
      await forgetAnswers(generations, [...updated, ...removed]);
    },
    failed: (source, error) =>
      log.warn({ source, error }, 'discovery does not find out; what was found stays'),
    newId: randomUUID,
  });
}

/** What is asked where it really is stays registered where it is said to be. */
function completing({ outbound, builtinUrl }: RegistryParts): Complete {
  return async (registration) => {
    const { capabilities } = await withCapabilities(resolveBuiltin(registration, builtinUrl), outbound);
    return { ...registration, capabilities };
  };
}

/** As they will be used. */
function detectorsAmong(listed: readonly Listed[], builtinUrl: string): Upstream[] {
  const at = new Date().toISOString();
  const entry = { source: 'config', origin: 'file', status: 'active', ttl_seconds: null } as const;
  const times = { registration_time: at, updated_at: at };
  return listed
    .filter(({ kind }) => kind === 'detector')
    .map((one) => upstreamOf({ ...one, ...entry, ...times, traffic_percent: 0 }, builtinUrl));
}

function count(
  metrics: UpstreamMetrics,
  { added, updated, removed }: Pick<SyncPlan, 'added' | 'updated' | 'removed'>,
): void {
  metrics.operated('register', 'success', added.length);
  metrics.operated('update', 'success', updated.length);
  metrics.operated('unregister', 'success', removed.length);
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
export async function forgetAnswers(
  generations: RegistryParts['generations'],
  endpointIds: readonly string[],
): Promise<void> {
  for (const detector of new Set(endpointIds.map(nameInId))) {
    await generations.invalidate({ detector }, { requestId: randomUUID(), correlationId: randomUUID() });
  }
}
