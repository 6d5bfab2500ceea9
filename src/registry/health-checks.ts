import type {
  CheckResult,
  Health,
  HealthEvent,
  HealthMerge,
  StoredHealth,
} from '../contract/endpoint-health';
import type { HealthStatus } from '../contract/enums';
import type { Upstream } from '../contract/upstream';
import { condemned, type DueCheck, healthAfter, initialHealth, nextCheckAt } from '../domain/health';
import { inTurns } from '../domain/in-turns';
import { Rereading } from '../domain/rereading';
import type { Breakers } from './breakers';
import type { UpstreamDirectory } from './directory';
import { type HealthMonitor, isWatched } from './health-monitor';

/** Where the health of upstreams is kept for all processes. */
export interface HealthStore {
  /** What has changed since it was asked last; at first everything. */
  changed(): Promise<readonly StoredHealth[]>;
  /** @returns false when another process is checking it */
  claim(endpointId: string, url: string, forMs: number): Promise<boolean>;
  release(endpointId: string): Promise<void>;
  record(
    merge: HealthMerge,
  ): Promise<{ readonly stored: StoredHealth; readonly before: StoredHealth | null }>;
  remove(endpointIds: readonly string[]): Promise<void>;
  onChange(listener: () => void): void;
}

/** One attempt. Ends within its upstream's timeout. */
export type Probe = (upstream: Upstream, signal: AbortSignal) => Promise<CheckResult>;

/** One check that was made and recorded, and what it has changed. */
export interface MadeCheck {
  readonly upstream: Upstream;
  readonly result: CheckResult;
  readonly from: HealthStatus;
  readonly to: HealthStatus;
  /** It has failed `alert_threshold` times in a row now. */
  readonly alerts: boolean;
}

export interface HealthChecksDependencies {
  readonly directory: UpstreamDirectory;
  readonly monitor: HealthMonitor;
  readonly breakers: Breakers;
  readonly store: HealthStore;
  readonly probe: Probe;
  /** Checks under way at a time. */
  readonly concurrency: number;
  readonly now: () => number;
  readonly random: () => number;
  readonly made: (check: MadeCheck) => void;
  readonly log: {
    warn(fields: object, message: string): void;
    info(fields: object, message: string): void;
  };
}

const tickMs = 250;
const lookMs = 400;
/** A check that is late by half its interval, within these, has nobody who makes it: this process does. */
const abandonedMs = { least: 1000, most: 15_000 };
/** How long a start waits for first answers, and a change of the registry for those of whom it adds. */
const firstMs = 3000;
const introductionMs = 1000;
const claimedMs = 50;
const complaintMs = 10_000;

/** Checks upstreams beside all calls, and makes every process know what came out. */
export class HealthChecks {
  readonly #checking = new Map<string, Promise<CheckResult | null>>();
  readonly #stopping = new AbortController();
  #timers: NodeJS.Timeout[] = [];
  readonly #rereading = new Rereading(() => this.#read());
  #complainedAt = -Infinity;

  constructor(private readonly deps: HealthChecksDependencies) {}

  /** Knows what is stored when it returns, and has asked the detectors whose check is due, so that they can be used. */
  async start(): Promise<void> {
    const { store, directory } = this.deps;
    await this.#rereading.refresh();
    store.onChange(() => void this.learn());
    directory.onChange(({ removed }) => {
      if (removed.length > 0) void store.remove(removed).catch((error: unknown) => this.#unreachable(error));
    });
    this.#timers = [
      setInterval(() => void this.learn(), lookMs).unref(),
      setInterval(() => this.#takeOver(), tickMs).unref(),
    ];
    const first = this.deps.monitor.due().filter(({ isDetector }) => isDetector);
    await within(firstMs, (signal) => this.#firstAnswers(first, signal));
    await this.learn();
  }

  /** Knows what was stored before the call, unless the store is away. */
  async learn(): Promise<void> {
    await this.#rereading.refresh().catch((error: unknown) => this.#unreachable(error));
  }

  /**
   * Asks detectors that are about to be registered, or to move, so that they can be used from their first moment. Who does
   * not answer soon is checked like any new one.
   */
  async introduce(detectors: readonly Upstream[]): Promise<void> {
    const strangers = detectors.filter(
      (upstream) => isWatched(upstream) && !this.deps.monitor.knows(upstream),
    );
    const asked = inTurns(strangers, this.deps.concurrency, async (upstream) => {
      const result = await this.#probed(upstream);
      if (result.ok) await this.#record(upstream, result, afterCheck(result));
    });
    await within(introductionMs, () => asked.catch((error: unknown) => this.#unreachable(error)));
  }

  /** Ends all checks. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.allSettled(this.#checking.values());
  }

  /** Checks whatever is due, until the signal says to stop: the duty of one process at a time. */
  async run(signal: AbortSignal): Promise<void> {
    const over = AbortSignal.any([signal, this.#stopping.signal]);
    while (!over.aborted) {
      this.#begin(this.deps.monitor.due().map(({ endpoint_id }) => endpoint_id));
      await pause(tickMs, over);
    }
  }

  /** Checks one now; it counts like any other check. @returns null when a check is under way already */
  async check(endpointId: string): Promise<CheckResult | null> {
    if (this.#checking.has(endpointId)) return null;
    return this.#checked(endpointId);
  }

  /** Makes one that nobody has reached unhealthy, until its checks say otherwise. */
  async condemn(endpointId: string, error: string): Promise<void> {
    const upstream = this.deps.directory.byId(endpointId);
    if (upstream) await this.#record(upstream, { ok: false, response_ms: null, error }, condemned);
  }

  /** Those that another process is checking are known once it has recorded them. */
  async #firstAnswers(due: readonly DueCheck[], signal: AbortSignal): Promise<void> {
    await Promise.all(due.map(({ endpoint_id }) => this.#checked(endpoint_id)));
    const { directory, monitor } = this.deps;
    const isUnknown = ({ endpoint_id }: DueCheck): boolean => {
      const upstream = directory.byId(endpoint_id);
      return upstream !== undefined && !monitor.knows(upstream);
    };
    while (due.some(isUnknown) && !signal.aborted) {
      await pause(claimedMs, signal);
      await this.learn();
    }
  }

  #takeOver(): void {
    const abandoned = this.deps.monitor
      .due()
      .filter((check) => this.deps.now() - check.dueSince > patienceMs(check))
      .map(({ endpoint_id }) => endpoint_id);
    this.#begin(abandoned);
  }

  #begin(endpointIds: readonly string[]): void {
    for (const endpointId of endpointIds) {
      if (this.#checking.size >= this.deps.concurrency) return;
      if (!this.#checking.has(endpointId))
        void this.#checked(endpointId).catch((error: unknown) => this.#unreachable(error));
    }
  }

  #checked(endpointId: string): Promise<CheckResult | null> {
    const checking = this.#claimAndCheck(endpointId).finally(() => this.#checking.delete(endpointId));
    this.#checking.set(endpointId, checking);
    return checking;
  }

  async #claimAndCheck(endpointId: string): Promise<CheckResult | null> {
    const { directory, store } = this.deps;
    const upstream = directory.byId(endpointId);
    if (!upstream) return null;
    if (!(await store.claim(endpointId, upstream.config.url, longestMs(upstream)))) return null;
    const result = await this.#probed(upstream);
    if (this.#stopping.signal.aborted) {
      await store.release(endpointId);
      return null;
    }
    await this.#record(upstream, result, afterCheck(result));
    return result;
  }

  async #record(upstream: Upstream, result: CheckResult, after: typeof condemned): Promise<void> {
    const { stored, before } = await this.deps.store.record(this.#mergeOf(upstream, result, after));
    this.deps.monitor.learned(stored);
    this.#tell(upstream, result, stored, before);
  }

  /** A check is a probe and its repetitions. */
  async #probed(upstream: Upstream): Promise<CheckResult> {
    const { retries, retry_delay } = upstream.config.health_check;
    const { signal } = this.#stopping;
    for (let attempt = 0; ; attempt++) {
      const result = await this.deps.probe(upstream, signal).catch((error: unknown): CheckResult => {
        this.deps.log.warn({ error, endpoint_id: upstream.endpoint_id }, 'a health check broke down');
        return { ok: false, response_ms: null, error: 'the check broke down' };
      });
      if (result.ok || attempt === retries || signal.aborted) return result;
      await pause(retry_delay * 1000, signal);
    }
  }

  #mergeOf(upstream: Upstream, result: CheckResult, judge: typeof condemned): HealthMerge {
    const { endpoint_id, config } = upstream;
    const rules = this.deps.monitor.rulesOf(upstream);
    const at = this.deps.now();
    return {
      endpoint_id,
      url: config.url,
      result,
      at,
      history_size: config.health_check.history_size,
      after: (stored) => {
        const before = stored ?? initialHealth;
        const health = judge(before, at, rules);
        const { webhook_url: url, alert_threshold } = config.health_check;
        const isNews = health.status !== before.status || isAlarming(health, alert_threshold);
        return {
          health,
          next_check_at: nextCheckAt(health, rules, this.deps.random()),
          event:
            url === undefined || !isNews
              ? null
              : { url, body: eventOf(endpoint_id, before.status, health, result, at) },
        };
      },
    };
  }

  #tell(upstream: Upstream, result: CheckResult, stored: StoredHealth, before: StoredHealth | null): void {
    const { endpoint_id, health, error } = stored;
    const was = before?.health.status ?? 'unknown';
    const alerts = isAlarming(health, upstream.config.health_check.alert_threshold);
    this.deps.made({ upstream, result, from: was, to: health.status, alerts });
    if (alerts) {
      const { consecutive_failures } = health;
      this.deps.log.warn({ endpoint_id, consecutive_failures, error }, 'an upstream fails check after check');
    }
    if (health.status === was) return;
    const fields = { endpoint_id, from: was, to: health.status, reason: error };
    if (health.status === 'healthy') this.deps.log.info(fields, 'the health of an upstream has changed');
    else this.deps.log.warn(fields, 'the health of an upstream has changed');
    if (health.status === 'unhealthy') this.deps.breakers.healthChanged(endpoint_id, 'unhealthy');
    if (health.status === 'healthy' && was === 'unhealthy')
      this.deps.breakers.healthChanged(endpoint_id, 'healthy');
  }

  async #read(): Promise<void> {
    for (const stored of await this.deps.store.changed()) this.deps.monitor.learned(stored);
  }

  /** Said now and then, however often it happens. */
  #unreachable(error: unknown): void {
    if (this.#stopping.signal.aborted || this.deps.now() - this.#complainedAt < complaintMs) return;
    this.#complainedAt = this.deps.now();
    this.deps.log.warn({ error }, 'health is not shared while the store is away');
  }
}

function afterCheck({ ok }: CheckResult): typeof condemned {
  return (health, at, rules) => healthAfter(health, ok, at, rules);
}

/** Waits for the work, but not for ever. */
async function within(ms: number, work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  const patience = new AbortController();
  await Promise.race([work(patience.signal), pause(ms, patience.signal)]).finally(() => patience.abort());
}

/** Ends early with the signal. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}

function isAlarming({ consecutive_failures: failures }: Health, threshold: number): boolean {
  return failures === threshold;
}

/** How late a check may be before another process makes it. */
function patienceMs({ dueSince, health }: DueCheck): number {
  const interval = health.last_probe_at === null ? 0 : dueSince - health.last_probe_at;
  return Math.min(abandonedMs.most, Math.max(abandonedMs.least, interval / 2));
}

/** After so long a claim is taken to be of a process that died. */
function longestMs({ config }: Upstream): number {
  const { timeout, retries, retry_delay } = config.health_check;
  return (timeout * (retries + 1) + retry_delay * retries) * 1000 + 5000;
}

function eventOf(
  endpointId: string,
  oldStatus: HealthEvent['old_status'],
  health: StoredHealth['health'],
  { response_ms, error }: CheckResult,
  at: number,
): HealthEvent {
  return {
    event: 'health.changed',
    endpoint_id: endpointId,
    old_status: oldStatus,
    new_status: health.status,
    consecutive_failures: health.consecutive_failures,
    response_time: response_ms === null ? null : response_ms / 1000,
    error_message: error,
    timestamp: new Date(at).toISOString(),
  };
}
