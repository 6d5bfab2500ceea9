import { randomUUID } from 'node:crypto';
import type { RunInputs } from '../activities/run-inputs';
import type { PausePoint } from '../config/pause-point';
import type { Member, RunInput } from '../contract/plan';
import { expectedResults } from '../domain/alternates';
import type { SlaSettings } from '../domain/budget';
import type { Planned } from '../planning/planner';
import { Coalesced } from '../store/coalesce';
import type { Db } from '../store/database';
import { assertLease, leaseEnd } from '../store/lease';
import type { Orchestrations } from '../store/orchestrations';
import type { Claim, Runs } from '../store/runs';
import { acceptedAnswer } from './answers';
import type { Companions } from './companions';
import type { Accepted, Answer } from './execution';
import { maxRunBytes, memberBytes } from './launcher';
import { recipeOf } from './recipe';
import type { RunGateway } from './run-gateway';
import { startFailure } from './start-failure';

export interface JobStartsDependencies {
  readonly runs: Runs;
  readonly orchestrations: Orchestrations;
  readonly gateway: RunGateway;
  readonly inputs: RunInputs;
  readonly sla: SlaSettings;
  readonly pause: PausePoint;
}

/** A request that is a job from the start. */
export interface JobStart {
  readonly accepted: Accepted;
  readonly planned: Planned;
  readonly member: Member;
  readonly claim: Claim | null;
}

/** A run names its jobs in a search attribute, of which Temporal takes 2 KiB: 47 ids. */
const mostTogether = 40;

/** Starts jobs: recorded with their 202 first, then started. */
export class JobStarts {
  readonly #together = new Coalesced((starts: readonly JobStart[]) => this.#startGroups(starts));

  constructor(private readonly deps: JobStartsDependencies) {}

  /** @returns null when another request holds the claim */
  async start(job: JobStart): Promise<Answer | null> {
    return (await this.#startRun([job], `job-${job.member.request_id}`))[0]!;
  }

  /** Starts a job in one run with the others of its batch that have the same plan. */
  startTogether(job: JobStart, companions: Companions): Promise<Answer | null> {
    return new Promise((resolve) => {
      companions.arrive(job.member.request_id);
      companions.whenGathered(() => resolve(this.#together.ask(job)));
    });
  }

  #startGroups(starts: readonly JobStart[]): Promise<Answer | null>[] {
    const answers = new Map<JobStart, Promise<Answer | null>>();
    for (const group of groupsOf(starts)) {
      const started = this.#startRun(group, randomUUID());
      group.forEach((job, index) =>
        answers.set(
          job,
          started.then((all) => all[index]!),
        ),
      );
    }
    return starts.map((job) => answers.get(job)!);
  }

  async #startRun(jobs: readonly JobStart[], runId: string): Promise<(Answer | null)[]> {
    const { plan } = jobs[0]!.planned;
    await this.deps.pause('before_claim');
    const openedAt = Date.now();
    const answers = await this.deps.runs.inTransaction(plan.tenant_id, (tx) => this.#record(tx, jobs, runId));
    const members = jobs.map(({ member }) => member).filter((_member, index) => answers[index]);
    if (members.length === 0) return answers;
    await this.deps.pause('claimed');
    const input: RunInput = { run_id: runId, facade_id: null, recovery: 0, plan, members };
    this.deps.inputs.put(input);
    try {
      assertLease(openedAt);
      const deadline = Math.min(leaseEnd(openedAt), Date.now() + this.deps.sla.sync_request_sla_ms);
      await this.deps.gateway.start(input, deadline);
    } catch (error) {
      throw await startFailure(error, () => this.deps.runs.abandon(runId));
    }
    await this.deps.pause('started');
    return answers;
  }

  async #record(tx: Db, jobs: readonly JobStart[], runId: string): Promise<(Answer | null)[]> {
    const claims = jobs.flatMap(({ claim }) => claim ?? []);
    const held = claims.length > 0 ? await this.deps.runs.claimAll(claims, runId, tx) : new Set<Claim>();
    const ours = new Set(jobs.filter(({ claim }) => claim === null || held.has(claim)));
    if (ours.size === 0) return jobs.map(() => null);
    const { plan } = jobs[0]!.planned;
    await this.deps.runs.open(runId, plan.tenant_id, 0, tx);
    const answers = jobs.map((job) => (ours.has(job) ? accept(job) : null));
    await this.deps.orchestrations.recordJobs(
      jobs.flatMap(({ accepted, member }, index) => {
        const answer = answers[index];
        if (!answer) return [];
        return {
          requestId: member.request_id,
          tenantId: plan.tenant_id,
          runId,
          jobId: answer.jobId,
          parentJobId: member.parent_job_id,
          status: 'pending' as const,
          planned: expectedResults(plan),
          answer,
          recipe: recipeOf(plan, accepted.request),
          callbackUrl: accepted.request.callback_url,
          receivedAt: new Date(member.received_at),
        };
      }),
      tx,
    );
    return answers;
  }
}

function accept({ planned, member }: JobStart): Answer & { jobId: string } {
  const jobId = `job-${member.request_id}`;
  const accepted = acceptedAnswer(planned.plan, member, jobId, member.prior_results, Date.now());
  return { ...accepted, requestId: member.request_id, jobId };
}

/** Jobs of one plan, as many as a run takes. */
function groupsOf(starts: readonly JobStart[]): JobStart[][] {
  const groups: JobStart[][] = [];
  const filling = new Map<string, { group: JobStart[]; bytes: number }>();
  for (const start of starts) {
    const bytes = memberBytes(start.member);
    let open = filling.get(start.planned.digest);
    if (!open || open.group.length === mostTogether || open.bytes + bytes > maxRunBytes) {
      open = { group: [], bytes: 0 };
      filling.set(start.planned.digest, open);
      groups.push(open.group);
    }
    open.group.push(start);
    open.bytes += bytes;
  }
  return groups;
}
