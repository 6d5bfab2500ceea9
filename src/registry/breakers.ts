import { EventEmitter } from 'node:events';
import type {
  BreakerCounts,
  BreakerMerge,
  BreakerState,
  BreakerTransition,
  StoredBreaker,
} from '../contract/breaker';
import type { DetectorFallback } from '../contract/detector-fallback';
import { circuitBreakerSchema, type Upstream } from '../contract/upstream';
import {
  type BreakerEvent,
  type BreakerSettings,
  type CallOutcome,
  type DetectorBreakerConstants,
  detectorBreakerSettings,
  initialBreaker,
  countsTogether,
  isIdle,
  noCounts,
  nextAttemptAt,
  stateAt,
  trialsInFlight,
} from '../domain/breaker';
import { breakerAfterAll } from '../domain/breaker-machine';
import { BreakerView } from './breaker-view';
import type { UpstreamDirectory } from './directory';

/** What a breaker says to one call. An admitted one must be recorded when it ends, under this epoch. */
export interface Admission {
  readonly admitted: boolean;
  readonly state: BreakerState;
  readonly epoch: number;
  /** When refused: how long until it is worth asking again. */
  readonly retryAfterSeconds: number;
}

export interface BreakerDescription {
  readonly endpointId: string;
  readonly state: BreakerState;
  /** Failures in a row. */
  readonly consecutiveFailures: number;
  readonly stateChangedAt: number | null;
  readonly nextAttemptAt: number | null;
  readonly halfOpenCalls: number;
  readonly counts: BreakerCounts;
  readonly transitions: readonly BreakerTransition[];
  readonly settings: BreakerSettings;
  /** Of a detector that has one. */
  readonly fallback: DetectorFallback | null;
}

/** How soon the other processes should know: what they decide by, what will matter to them, what is only counted. */
export type Urgency = 'now' | 'soon' | 'later';

interface Events {
  news: [urgency: Urgency];
  fallback: [endpointId: string, strategy: string];
  removed: [endpointIds: readonly string[]];
}

const unknownUpstream: Admission = { admitted: true, state: 'closed', epoch: 0, retryAfterSeconds: 0 };

/**
 * A breaker for every upstream (spec/orchestration.md 4.4, spec/gateway.md 6). Decisions are made in process, of what is
 * known here; `BreakerSharing` makes all processes know the same. An upstream that is not registered has none: its calls
 * go through.
 */
export class Breakers extends EventEmitter<Events> {
  readonly #views = new Map<string, BreakerView>();
  /** Also of upstreams that this process has not heard of yet. */
  readonly #stored = new Map<string, StoredBreaker>();
  /** As long as an upstream stays as it is. */
  readonly #settings = new WeakMap<Upstream, BreakerSettings>();

  constructor(
    private readonly directory: UpstreamDirectory,
    private readonly constants: DetectorBreakerConstants,
    private readonly now: () => number = Date.now,
  ) {
    super();
    directory.onChange(({ removed }) => {
      for (const endpointId of removed) {
        this.#views.delete(endpointId);
        this.#stored.delete(endpointId);
      }
      if (removed.length > 0) this.emit('removed', removed);
    });
  }

  /** @param id an endpoint id, or a name for its highest version */
  resolve(id: string): string | null {
    return (this.directory.byId(id) ?? this.directory.resolve(id))?.endpoint_id ?? null;
  }

  has(endpointId: string): boolean {
    return this.directory.byId(endpointId) !== undefined;
  }

  stateOf(endpointId: string): BreakerState {
    const view = this.#of(endpointId);
    return view ? stateAt(view.breaker, this.now(), this.#settingsOf(endpointId)) : 'closed';
  }

  wouldAdmit(endpointId: string): boolean {
    return this.#of(endpointId)?.admits(this.now()) ?? true;
  }

  admit(endpointId: string): Admission {
    const view = this.#of(endpointId);
    if (!view) return unknownUpstream;
    const now = this.now();
    if (!view.admits(now)) {
      view.count({ prevented: 1 });
      this.emit('news', 'later');
      const next = nextAttemptAt(view.breaker, this.#settingsOf(endpointId)) ?? 0;
      return {
        admitted: false,
        state: this.stateOf(endpointId),
        epoch: view.breaker.epoch,
        retryAfterSeconds: Math.max(1, Math.ceil((next - now) / 1000)),
      };
    }
    if (view.breaker.state !== 'closed') this.#happened(view, { type: 'trial', at: now });
    return { admitted: true, state: view.breaker.state, epoch: view.breaker.epoch, retryAfterSeconds: 0 };
  }

  record(endpointId: string, outcome: CallOutcome, epoch: number): void {
    const view = this.#of(endpointId);
    if (!view) return;
    const at = this.now();
    if (outcome === 'success') view.count({ successes: 1, last_success_at: at });
    if (outcome === 'failure') view.count({ failures: 1, last_failure_at: at });
    if (isIdle(view.breaker, outcome, this.#settingsOf(endpointId))) this.emit('news', 'later');
    else this.#happened(view, { type: outcome, at, epoch, count: 1 });
  }

  /** Instead of a refused call something else was answered. */
  fellBack(endpointId: string, strategy: string): void {
    this.#of(endpointId)?.count({ fallbacks: 1 });
    this.emit('fallback', endpointId, strategy);
    this.emit('news', 'later');
  }

  healthChanged(endpointId: string, change: 'healthy' | 'unhealthy'): void {
    const view = this.#of(endpointId);
    if (view) this.#happened(view, { type: change, at: this.now() });
  }

  describe(endpointId: string): BreakerDescription | null {
    const view = this.#of(endpointId);
    if (!view) return null;
    const settings = this.#settingsOf(endpointId);
    const { breaker, counts, transitions } = view;
    return {
      endpointId,
      state: stateAt(breaker, this.now(), settings),
      consecutiveFailures: breaker.failures,
      stateChangedAt: breaker.since === 0 ? null : breaker.since,
      nextAttemptAt: nextAttemptAt(breaker, settings),
      halfOpenCalls: trialsInFlight(breaker, this.now(), settings),
      counts,
      transitions,
      settings,
      fallback: this.directory.byId(endpointId)?.detector?.fallback ?? null,
    };
  }

  get endpointIds(): readonly string[] {
    return this.directory.upstreams.map(({ endpoint_id }) => endpoint_id);
  }

  /** What is to be merged into the store. */
  takeNews(): readonly BreakerMerge[] {
    return [...this.#views]
      .filter(([, view]) => view.hasNews)
      .map(([endpointId, view]) => {
        const { events, counts } = view.take();
        return this.#merge(endpointId, view, events, counts);
      });
  }

  /** What was taken could not be merged. */
  newsFailed(): void {
    for (const view of this.#views.values()) view.failed();
  }

  /** What an operator does, to be merged into the store. */
  forced(endpointId: string, action: 'reset' | 'trip'): BreakerMerge | null {
    const view = this.#of(endpointId);
    return view && this.#merge(endpointId, view, [{ type: action, at: this.now() }], noCounts);
  }

  merged(stored: StoredBreaker): void {
    this.#stored.set(stored.endpoint_id, stored);
    this.#of(stored.endpoint_id)?.merged(stored);
  }

  /** What is in the store now. */
  learned(stored: StoredBreaker): void {
    this.#stored.set(stored.endpoint_id, stored);
    this.#of(stored.endpoint_id)?.learned(stored);
  }

  #merge(
    endpointId: string,
    view: BreakerView,
    events: readonly BreakerEvent[],
    counts: BreakerCounts,
  ): BreakerMerge {
    return {
      endpoint_id: endpointId,
      url: view.url,
      after: (stored) => ({
        ...breakerAfterAll(stored?.breaker ?? initialBreaker, events, this.#settingsOf(endpointId)),
        counts: countsTogether(stored?.counts ?? noCounts, counts),
      }),
    };
  }

  #happened(view: BreakerView, event: BreakerEvent): void {
    view.apply(event);
    if (this.listenerCount('news') === 0) view.settle();
    this.emit('news', view.breaker.state === 'closed' && 'count' in event ? 'soon' : 'now');
  }

  #of(endpointId: string): BreakerView | null {
    const upstream = this.directory.byId(endpointId);
    if (!upstream) return null;
    let view = this.#views.get(endpointId);
    if (view?.url !== upstream.config.url) {
      view = new BreakerView(upstream.config.url, () => this.#settingsOf(endpointId));
      const stored = this.#stored.get(endpointId);
      if (stored) view.learned(stored);
      this.#views.set(endpointId, view);
    }
    return view;
  }

  /** Those of the upstream as it is now; of one that is gone nothing more is asked. */
  #settingsOf(endpointId: string): BreakerSettings {
    const upstream = this.directory.byId(endpointId);
    if (!upstream) return detectorBreakerSettings(this.constants, circuitBreakerSchema.parse({}));
    let settings = this.#settings.get(upstream);
    if (!settings) {
      const own = upstream.config.circuit_breaker;
      settings =
        upstream.config.kind === 'detector'
          ? detectorBreakerSettings(this.constants, own)
          : { ...own, trials: 'at_once' };
      this.#settings.set(upstream, settings);
    }
    return settings;
  }
}
