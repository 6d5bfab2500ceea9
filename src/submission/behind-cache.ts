import type { SlaSettings } from '../domain/budget';
import { AuditLog } from '../store/audit-log';
import type { CacheGenerations } from '../store/cache-generations';
import type { Db } from '../store/database';
import { HitRecords } from '../store/hit-records';
import type { KeyRing } from '../store/key-ring';
import type { Orchestrations } from '../store/orchestrations';
import type { ResponseCache } from '../store/response-cache';
import type { ResultHub } from '../store/result-hub';
import type { Runs } from '../store/runs';
import { CacheKeys } from './cache-key';
import { CachedExecution } from './cached-execution';
import type { Execution } from './execution';
import { type HitDependencies, Hits } from './hits';

export interface CacheParts {
  readonly db: Db;
  /** Null: the cache is off. */
  readonly cache: ResponseCache | null;
  readonly keys: KeyRing;
  readonly generations: CacheGenerations;
  readonly runs: Runs;
  readonly orchestrations: Orchestrations;
  readonly hub: ResultHub;
  readonly sla: SlaSettings;
  readonly ended: HitDependencies['ended'];
}

/** Puts the response cache and single flight before executions. */
export function behindCache(execution: Execution, parts: CacheParts): CachedExecution {
  const { db, cache, keys, generations, runs, orchestrations, hub, sla, ended } = parts;
  const records = new HitRecords(db, runs, orchestrations);
  const hits = new Hits({ records, audit: new AuditLog(db), hub, execution, sla, ended });
  return new CachedExecution({ execution, cache, keys: new CacheKeys(keys, generations), hits, runs, sla });
}
