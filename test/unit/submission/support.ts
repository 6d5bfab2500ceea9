import type { Bundle } from '../../../src/policy/bundle';
import { DetectorMemo } from '../../../src/activities/detector-memo';
import { RunInputs } from '../../../src/activities/run-inputs';
import type { PausePointName } from '../../../src/config/pause-point';
import type { Member, Plan, RunInput } from '../../../src/contract/plan';
import { orchestrationRequestSchema } from '../../../src/contract/request';
import type { Planned, Planner } from '../../../src/planning/planner';
import type { Db } from '../../../src/store/database';
import type { Job, NewJob, Orchestrations, StoredAnswer } from '../../../src/store/orchestrations';
import type { ResultHub } from '../../../src/store/result-hub';
import type { Claim, HeldClaim, Runs } from '../../../src/store/runs';
import { Admission } from '../../../src/submission/admission';
import { type Accepted, Execution } from '../../../src/submission/execution';
import { JobQueue } from '../../../src/submission/job-queue';
import type { Launcher } from '../../../src/submission/launcher';
import type { RunGateway, RunState } from '../../../src/submission/run-gateway';
import { planned as detector, planOf, requestId } from '../domain/support';

export { requestId };
export const jobId = `job-${requestId}`;
export const otherId = '1d3c1c62-8a35-4a0e-9d60-6f6c0a7a6f11';
/** Long ago, so that a deadline that is waited for by mistake is over at once. */
export const receivedAt = 1_000_000;

export const planWith = (overrides: Partial<Plan> = {}): Plan =>
  planOf([detector('a'), detector('b')], overrides);

export const plannedWith = (overrides: Partial<Planned> = {}): Planned => ({
  plan: planWith(),
  bundle: {} as Bundle,
  digest: 'digest',
  healthStatus: { a: true, b: true },
  projectedMs: 0,
  ...overrides,
});

export const requestOf = (overrides: object = {}) =>
  orchestrationRequestSchema.parse({
    content: 'a text 🙂',
    content_type: 'text',
    tenant_id: 'acme',
    policy_bundle: 'default',
    environment: 'dev',
    ...overrides,
  });

export const acceptedOf = (overrides: Partial<Accepted> = {}, request: object = {}): Accepted => ({
  request: requestOf(request),
  requestId,
  correlationId: 'corr',
  traceparent: null,
  asked: { principal: 'ann', endpoint: 'POST /orchestrate' },
  idempotencyKey: null,
  receivedAt,
  routingTokens: [],
  ...overrides,
});

export const memberOf = (overrides: Partial<Member> = {}): Member => ({
  request_id: requestId,
  correlation_id: 'corr',
  traceparent: null,
  asked: { principal: 'ann', endpoint: 'POST /orchestrate' },
  mode: 'sync',
  content: 'a text',
  content_length: 6,
  metadata: null,
  idempotency_key: null,
  parent_job_id: null,
  received_at: receivedAt,
  convert_at: receivedAt + 1500,
  sla_at: receivedAt + 2000,
  cut_at: receivedAt + 29_500,
  deadline_at: receivedAt + 30_000,
  routing_tokens: [],
  health_status: {},
  prior_results: [],
  ...overrides,
});

export const inputOf = (overrides: Partial<RunInput> = {}): RunInput => ({
  run_id: 'run',
  facade_id: 'p',
  recovery: 0,
  plan: planWith(),
  members: [memberOf()],
  ...overrides,
});

export const answerWith = (status: number, body: object = {}): StoredAnswer => ({
  status,
  body: Buffer.from(JSON.stringify(body)),
});

export const bodyOf = (answer: StoredAnswer | null) =>
  JSON.parse(answer!.body.toString()) as Record<string, unknown>;

export const jobOf = (overrides: Partial<Job> = {}): Job => ({
  requestId,
  jobId,
  tenantId: 'acme',
  runId: 'run',
  parentJobId: null,
  status: 'running',
  stage: 'routed',
  planned: 2,
  finishedDetectors: 0,
  errorCode: null,
  answer: answerWith(202),
  createdAt: new Date(receivedAt),
  startedAt: new Date(receivedAt),
  completedAt: null,
  ...overrides,
});

interface KeptClaim extends HeldClaim {
  readonly key: string;
}

/** The store and the engine in memory; `events` tells in which order they were asked to write. */
export class World {
  readonly events: string[] = [];
  readonly claims: KeptClaim[] = [];
  readonly jobs = new Map<string, Job>();
  readonly recorded: NewJob[] = [];
  readonly answers = new Map<string, StoredAnswer>();
  readonly recipes = new Map<string, Buffer>();
  readonly started: { input: RunInput; deadline: number }[] = [];
  readonly states = new Map<string, RunState>();
  readonly inputs = new Map<string, RunInput | Error>();
  readonly boarded: Member[] = [];
  /** What each wait of a caller is answered with, in turn; null when nothing came in time. */
  readonly arrivals: (StoredAnswer | null)[] = [];
  readonly waits: { requestId: string; deadline: number }[] = [];
  readonly aggregated = new Set<string>();
  readonly memo = new DetectorMemo();
  readonly runInputs = new RunInputs(() => Promise.resolve(null));
  startError: Error | null = null;
  readonly limits = {
    sync_request_sla_ms: 2000,
    async_request_sla_ms: 30_000,
    sync_to_async_threshold_ms: 1500,
    priority_sla_overrides: {},
    mapper_timeout_budget_ms: 500,
    shared_runs: true,
    max_waiting_requests: 1000,
    max_lone_runs: 64,
    max_queued_jobs: 1000,
  };
  /** Jobs that wait in the store, by tenant. */
  queued = new Map<string, number>();
  /** How a ride's start ends. */
  rideStart: () => Promise<string> = () => Promise.resolve('run');
  planned = plannedWith();
  atPause: (name: PausePointName) => void = () => undefined;

  readonly runs = {
    inTransaction: async <T>(_tenantId: string, work: (tx: Db) => Promise<T>) => {
      this.events.push('begin');
      const result = await work({} as Db);
      this.events.push('commit');
      return result;
    },
    open: async (runId: string, _tenantId: string, recovery = 0) => {
      this.events.push(`open ${runId} ${recovery}`);
    },
    claim: async (claim: Claim, runId: string) => this.#claim(claim, runId),
    claimAll: async (claims: readonly Claim[], runId: string) =>
      new Set(claims.filter((claim) => this.#claim(claim, runId))),
    claimOn: async (claim: Claim) =>
      this.claims.find((held) => held.key === claim.keyHash.toString('hex')) ?? null,
    releaseClaim: async (id: string) => {
      this.events.push(`release ${id}`);
      this.#dropClaims((held) => held.requestId === id);
    },
    abandon: async (runId: string) => {
      this.events.push(`abandon ${runId}`);
      this.#dropClaims((held) => held.runId === runId);
    },
    move: async (id: string, runId: string) => {
      this.events.push(`move ${id} ${runId}`);
    },
  } satisfies Partial<Runs>;

  readonly orchestrations = {
    recordJob: async (job: NewJob) => {
      const before = this.answers.get(job.requestId);
      if (before) return before;
      this.#record(job);
      return null;
    },
    recordJobs: async (jobs: readonly NewJob[]) => {
      for (const job of jobs) this.#record(job);
      return jobs.length;
    },
    answerOf: async (id: string) => this.answers.get(id) ?? null,
    finalAnswers: async (ids: readonly string[]) =>
      new Map([...this.answers].filter(([id]) => ids.includes(id))),
    job: async (id: string) => this.jobs.get(id) ?? null,
    recipe: async ({ requestId }: { requestId: string }) => this.recipes.get(requestId) ?? null,
    cancel: async ({ requestId: id }: { requestId: string }) => {
      const job = [...this.jobs.values()].find((one) => one.requestId === id)!;
      if (job.status !== 'pending' && job.status !== 'running') return false;
      this.jobs.set(job.jobId, { ...job, status: 'cancelled' });
      return true;
    },
  } satisfies Partial<Orchestrations>;

  readonly gateway = {
    start: async (input: RunInput, deadline: number) => {
      this.events.push(`start ${input.run_id}`);
      if (this.startError) throw this.startError;
      this.started.push({ input, deadline });
      return { eager: true };
    },
    stateOf: async (runId: string) => this.states.get(runId) ?? 'absent',
    inputOf: async (runId: string) => {
      const input = this.inputs.get(runId) ?? null;
      if (input instanceof Error) throw input;
      return input;
    },
  } satisfies Partial<RunGateway>;

  readonly hub = {
    wait: async (id: string, _runId: () => string | null, deadline: number) => {
      this.waits.push({ requestId: id, deadline });
      const arrival = this.arrivals.shift();
      if (arrival === undefined) throw new Error('the test did not expect another wait');
      return arrival;
    },
    isAggregated: (runId: string) => this.aggregated.has(runId),
  } satisfies Partial<ResultHub>;

  readonly launcher = {
    ridesAlone: () => false,
    board: (_plan: Plan, _digest: string, member: Member) => {
      this.boarded.push(member);
      this.events.push('board');
      const started = this.rideStart();
      started.catch(() => undefined);
      return {
        started,
        runId: () => 'run',
        hurry: () => void this.events.push('hurry'),
        done: () => void this.events.push('done'),
      };
    },
  } satisfies Partial<Launcher>;

  readonly planner = { plan: async () => this.planned } as unknown as Planner;

  readonly jobQueue = new JobQueue({
    waiting: async () => this.queued,
    settings: this.limits,
    now: Date.now,
  });

  readonly admission = new Admission({
    settings: this.limits,
    jobs: this.jobQueue,
    lagMs: () => 0,
    now: Date.now,
    log: { info: () => undefined },
  });

  /** Sync requests that became jobs. */
  readonly conversions: string[] = [];

  readonly execution = new Execution({
    admission: this.admission,
    runs: this.runs as unknown as Runs,
    orchestrations: this.orchestrations as unknown as Orchestrations,
    gateway: this.gateway as unknown as RunGateway,
    hub: this.hub as unknown as ResultHub,
    memo: this.memo,
    inputs: this.runInputs,
    launcher: this.launcher as unknown as Launcher,
    sla: this.limits,
    converted: (tenantId, trigger) => void this.conversions.push(`${tenantId} ${trigger}`),
    pause: async (name) => this.atPause(name),
  });

  #record(job: NewJob): void {
    this.events.push(`record ${job.jobId} ${job.status}`);
    this.recorded.push(job);
  }

  #claim(claim: Claim, runId: string): boolean {
    const key = claim.keyHash.toString('hex');
    if (this.claims.some((held) => held.key === key)) return false;
    this.events.push(`claim ${runId}`);
    this.claims.push({ ...claim, key, runId, leaseExpired: false });
    return true;
  }

  #dropClaims(which: (held: KeptClaim) => boolean): void {
    const kept = this.claims.filter((held) => !which(held));
    this.claims.splice(0, this.claims.length, ...kept);
  }
}
