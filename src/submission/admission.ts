import type { Priority, ProcessingMode } from '../contract/enums';
import { ConclaveError } from '../contract/errors';
import type { OrchestrationRequest } from '../contract/request';
import { allowedWait } from '../domain/admission';
import { convertAfter, type SlaSettings } from '../domain/budget';
import type { JobQueue, JobReason } from './job-queue';
import { Floodgate } from './floodgate';
import { Line } from './line';

export interface AdmissionDependencies {
  readonly settings: SlaSettings & {
    readonly shared_runs: boolean;
    readonly max_waiting_requests: number;
    readonly max_lone_runs: number;
  };
  readonly jobs: JobQueue;
  /** How long requests wait before this process sees them. */
  readonly lagMs: () => number;
  readonly now: () => number;
  readonly log: { info(fields: object, message: string): void };
}

/** What the gate has to know of a request whose plan is made. */
export interface Newcomer {
  readonly request: Pick<OrchestrationRequest, 'tenant_id' | 'priority' | 'processing_mode'>;
  /** Its detectors are projected to take longer than a sync answer may. */
  readonly slow: boolean;
  readonly projectedMs: number;
  readonly mayConvert: boolean;
  /** Whether it gets a run of its own. */
  readonly alone: boolean;
}

/** Somebody who was let in. */
export interface Seat {
  /** As what: a sync request may find itself a job. */
  readonly mode: ProcessingMode;
  /** Its run has been launched. */
  launched(): void;
  /**
   * Its answer has come, from the run and in time.
   * @param detectorsMs how long its slowest detector took: a hung one is not our doing
   */
  answered(detectorsMs: number): void;
  /** Nobody waits for it any more. */
  left(): void;
}

type State = 'admitting' | 'converting' | 'refusing';

/** Members a second until that is measured: of those that share runs, and of those that ride alone. */
const perSecondAtFirst = { shared: 1000, alone: 100 } as const;
const overheadSmoothing = 0.1;
/** Requests that wait so long before they are seen are late without our knowing. */
const laggingMs = 40;
/** Overload is over when nobody was converted or refused for so long. */
const calmMs = 5000;

/**
 * The gate (spec/orchestration.md 5, design.md 8): admits as many sync requests as can be answered inside their budgets,
 * makes the others jobs while the queue has room for them, and then refuses with RATE_LIMITED, detail `overloaded`.
 */
export class Admission {
  readonly #shared: Line;
  readonly #alone: Line;
  /** What a run takes beyond its detectors. */
  #overheadMs = 0;
  readonly #floodgate: Floodgate;
  readonly #counts = { admitted: 0, converted: 0, refused: 0 };
  #state: State = 'admitting';
  #strainedAt = -Infinity;

  constructor(private readonly deps: AdmissionDependencies) {
    const { settings, now } = deps;
    this.#shared = new Line({ perSecond: perSecondAtFirst.shared, cap: settings.max_waiting_requests }, now);
    this.#alone = new Line({ perSecond: perSecondAtFirst.alone, cap: settings.max_lone_runs }, now);
    this.#floodgate = new Floodgate({ lagMs: deps.lagMs, perSecond: () => this.#shared.perSecond, now });
  }

  /**
   * Asked before a request is read.
   * @throws ConclaveError RATE_LIMITED
   */
  approach(): void {
    if (!this.#floodgate.admits()) throw this.#refusal(this.#shared);
  }

  /** Whether sync requests need all this process has, so that jobs should hold back. */
  get pressed(): boolean {
    return this.deps.lagMs() > laggingMs || this.#shared.pressed || this.#alone.pressed;
  }

  /** @throws ConclaveError RATE_LIMITED */
  admit(newcomer: Newcomer): Seat {
    const { request, slow, mayConvert } = newcomer;
    if (request.processing_mode === 'async') return this.#asJob(newcomer, 'asked', null);
    if (slow && mayConvert) return this.#asJob(newcomer, 'asked', null);
    const { tenant_id: tenantId, priority } = request;
    const line = this.#lineOf(newcomer.alone);
    const projectedMs = line === this.#alone ? 0 : newcomer.projectedMs + this.#overheadMs;
    if (line.hasRoom(tenantId, priority, this.#allowedWait(priority, projectedMs)))
      return this.#asSync(newcomer, line);
    line.turnAway();
    if (mayConvert) return this.#asJob(newcomer, 'converted', line);
    throw this.#refusal(line);
  }

  #lineOf(alone: boolean): Line {
    return alone || !this.deps.settings.shared_runs ? this.#alone : this.#shared;
  }

  #allowedWait(priority: Priority, serviceMs: number): number {
    return Math.max(
      0,
      allowedWait(convertAfter(priority, this.deps.settings), serviceMs) - this.deps.lagMs(),
    );
  }

  #asSync({ request, projectedMs }: Newcomer, line: Line): Seat {
    const { now, settings } = this.deps;
    this.#note('admitted');
    const begin = now();
    const mayWait = allowedWait(convertAfter(request.priority, settings), projectedMs);
    const place = line.enter(request.tenant_id, request.priority, mayWait);
    const shares = line === this.#shared;
    let launchedAt = begin;
    return {
      mode: 'sync',
      launched: () => {
        launchedAt = now();
        if (shares) place.served(launchedAt - begin);
      },
      answered: (detectorsMs) => {
        const overhead = Math.max(0, now() - launchedAt - Math.max(projectedMs, detectorsMs));
        if (shares) this.#overheadMs += overheadSmoothing * (overhead - this.#overheadMs);
        else place.served(overhead);
      },
      // What is left of a member that rode alone is its detectors' affair.
      left: () => place.gone(shares ? now() - begin : 0),
    };
  }

  #asJob({ request }: Newcomer, reason: JobReason, line: Line | null): Seat {
    const { tenant_id: tenantId, priority } = request;
    if (!this.deps.jobs.hasRoom(tenantId, priority, reason)) throw this.#refusal(line);
    const entered = this.deps.jobs.enter(tenantId, reason);
    this.#note(reason === 'asked' ? 'admitted' : 'converted');
    return { mode: 'async', launched: entered, answered: () => undefined, left: entered };
  }

  #refusal(line: Line | null): ConclaveError {
    this.#note('refused');
    this.deps.jobs.turnAway();
    line?.turnAway();
    return new ConclaveError('RATE_LIMITED', 'the service has more to do than it can; try again later', {
      detail: 'overloaded',
      retryAfterSeconds: line === null ? this.deps.jobs.retryAfterSeconds() : line.retryAfterSeconds(),
    });
  }

  #note(what: keyof typeof stateAfter): void {
    this.#counts[what]++;
    const now = this.deps.now();

    const state = stateAfter[what];
    if (state !== 'admitting') this.#strainedAt = now;
    if (severity[state] > severity[this.#state]) this.#enter(state);
    else if (this.#state !== 'admitting' && now - this.#strainedAt > calmMs) this.#enter('admitting');
  }

  #enter(state: State): void {
    this.#state = state;
    const rates = {
      shared_per_second: Math.round(this.#shared.perSecond),
      alone_per_second: Math.round(this.#alone.perSecond),
      jobs_per_second: Math.round(this.deps.jobs.perSecond),
    };
    const lines = { waiting: this.#shared.inside, alone: this.#alone.inside, queued: this.deps.jobs.length };
    this.deps.log.info(
      { overload: state, ...this.#counts, ...rates, ...lines, lag_ms: Math.round(this.deps.lagMs()) },
      announcements[state],
    );
  }
}

const stateAfter = { admitted: 'admitting', converted: 'converting', refused: 'refusing' } as const;
const severity: Readonly<Record<State, number>> = { admitting: 0, converting: 1, refusing: 2 };
const announcements: Readonly<Record<State, string>> = {
  admitting: 'the overload is over',
  converting: 'overloaded: sync requests become jobs at once',
  refusing: 'overloaded: requests are refused',
};
