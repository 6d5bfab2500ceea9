import type { Counting } from './compose-metrics';
import { composeTenants } from './compose-tenants';
import type { Settings } from './contract/config';
import { foldedInto, targetsOf } from './domain/notices';
import { CacheGenerations } from './store/cache-generations';
import { openDatabase } from './store/database';
import { KeyRing } from './store/key-ring';
import { MasterKeys } from './store/master-keys';
import { migrate } from './store/migrations';
import { Notices } from './store/notices';
import { Notifications } from './store/notifications';
import { Orchestrations } from './store/orchestrations';
import { Outcomes } from './store/outcomes';
import { PayloadReader } from './store/payload-codec';
import { connectRedis } from './store/redis';
import { openResponseCache } from './store/response-cache';
import { ResultHub } from './store/result-hub';
import { Runs } from './store/runs';
import { auditedSecretReads } from './store/secret-reads';
import type { Logger } from './telemetry/logger';

const minuteMs = 60_000;

/** What a process keeps in PostgreSQL and Redis; the tables are brought up to date first. */
export async function composeStore(parts: {
  readonly settings: Settings;
  readonly databaseUrl: string;
  readonly counting: Counting;
  readonly log: Logger;
}) {
  const { settings, databaseUrl, counting, log } = parts;
  await migrate(databaseUrl);
  const db = openDatabase(databaseUrl, settings.database.pool_size);
  const { master_key: configured, master_key_file: file } = settings.security;
  const masters = MasterKeys.of({ configured, file, dataDir: settings.service.data_dir });
  const keys = new KeyRing(db, masters);
  await keys.open();
  const retention = {
    answerRetentionMs: settings.orchestration.idempotency_retention_hours * 60 * minuteMs,
    contentRetentionMs: settings.orchestration.content_retention_minutes * minuteMs,
  };
  const orchestrations = new Orchestrations(db, keys, retention.answerRetentionMs);
  const runs = new Runs(db, keys, retention.answerRetentionMs);
  const { recipients, mail_interval_seconds: interval } = settings.notifications;
  const notices = new Notices(db, {
    targetsOf: (happening) => targetsOf(recipients, happening),
    foldedInto,
    mailIntervalMs: interval * 1000,
  });
  const notifications = new Notifications(db, databaseUrl);
  await notifications.listen();
  const stopFollowing = keys.follow(notifications);
  const tenants = await composeTenants({ db, keys, notifications, log });
  const redis =
    settings.redis.url === null
      ? null
      : await connectRedis(
          settings.redis.url,
          (error) => log.warn({ error }, 'redis is not reachable'),
          counting.wentWithoutRedis,
        );
  if (redis) counting.showRedis(redis.guard);
  const generations = new CacheGenerations(db, notifications, undefined, counting.invalidated);
  return {
    db,
    keys,
    masters,
    retention,
    orchestrations,
    runs,
    outcomes: new Outcomes(db, orchestrations, runs, retention, counting.ended),
    notices,
    notifications,
    ...tenants,
    hub: new ResultHub(orchestrations, notifications),
    payloads: new PayloadReader(db, keys),
    redis,
    cache: openResponseCache(settings.orchestration, redis, keys, counting.cacheUsed),
    generations,
    secretRead: auditedSecretReads(db, log),
    stopFollowing() {
      generations.stop();
      stopFollowing();
    },
  };
}
