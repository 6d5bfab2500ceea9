import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { eventually } from '../support/eventually';
import type { Cluster } from './cluster';
import type { Fault } from './faults';
import { firstResultAfter, longestGap, type Tally, tallyOf, type Trail } from './trail';
import { type LoadShape, Users } from './users';

export interface RoundResult extends Tally {
  readonly fault: string;
  readonly round: number;
  /** Stored results beyond one for each key that has one: orchestrations that ran twice. */
  readonly ran_twice: number;
  /** Pairs of detector and content, and calls beyond the first of each. */
  readonly detector_calls: number;
  readonly detector_calls_repeated: number;
  /** From mending to the first result; null when there was none. */
  readonly first_result_ms: number | null;
  readonly first_result_within_ms: number;
  /** Longest time without any answer to those who asked. */
  readonly longest_gap_ms: number;
  /** From mending until the last request was answered and the last job had ended. */
  readonly caught_up_ms: number;
  /** In words; empty when the round is good. */
  readonly problems: readonly string[];
}

/** The share of requests on their way when the fault strikes. */
const strikeAfter = 1 / 3;
/** However long mending takes, so many requests still come after it; kinds of requests repeat within fewer. */
const sentAfterMending = 12;
const patienceMs = 150_000;
const settleMs = 60_000;
const examples = 3;

/** One fault under load, mended, and everything said before it held against what is said after it. */
export async function runRound(
  cluster: Cluster,
  fault: Fault,
  round: number,
  load: LoadShape,
): Promise<RoundResult> {
  await serving(cluster);
  const before = await storedResults(cluster);
  cluster.relay.reset();
  const users = new Users(cluster.url);
  const struck = signal();
  const startedAt = Date.now();
  const strikeAt = Math.max(1, Math.ceil((load.jobs + load.requests) * strikeAfter));
  const giveUp = AbortSignal.timeout(patienceMs);
  let sent = 0;
  let enough = Infinity;
  const onSent = (count: number): void => {
    sent = count;
    if (sent >= strikeAt) struck.give();
  };
  const running = users.run(load, onSent, giveUp, () => sent < enough);
  await Promise.race([struck.given, running]);
  await fault.strike(cluster);
  await delay(fault.lastsMs);
  await fault.mend(cluster);
  const mendedAt = Date.now();
  enough = sent + sentAfterMending;
  await running;
  const caughtUpMs = Date.now() - mendedAt;
  await users.verify(AbortSignal.timeout(patienceMs));

  const endings: string[] = [];
  for (const part of [cluster.facade, cluster.worker, cluster.detectors])
    endings.push(...(await part.revive()));
  const unsettled = await settled(cluster);
  const tally = tallyOf(users.trails);
  const stored = (await storedResults(cluster)) - before;
  const { asked, repeated } = cluster.relay.tally;
  const figures = {
    fault: fault.name,
    round,
    ...tally,
    ran_twice: stored - (tally.answered - tally.failed),
    detector_calls: asked,
    detector_calls_repeated: repeated,
    first_result_ms: firstResultAfter(users.trails.filter(fault.shows), mendedAt),
    first_result_within_ms: fault.firstResultWithinMs,
    longest_gap_ms: longestGap(startedAt, users.served),
    caught_up_ms: caughtUpMs,
  };
  return { ...figures, problems: [...problemsOf(figures, users.trails), ...endings, ...unsettled] };
}

function problemsOf(figures: Omit<RoundResult, 'problems'>, trails: readonly Trail[]): string[] {
  const problems: string[] = [];
  const {
    lost,
    contradictory,
    unanswered,
    first_result_ms: firstMs,
    first_result_within_ms: limitMs,
  } = figures;
  if (lost > 0) problems.push(`${lost} lost: ${told(trails.filter((trail) => trail.lost))}`);
  if (contradictory > 0) {
    problems.push(`${contradictory} contradictory: ${told(trails.filter((trail) => trail.contradictory))}`);
  }
  if (unanswered > 0) problems.push(`${unanswered} never answered`);
  const refused = trails.filter(({ refusals }) => refusals.length > 0);
  if (refused.length > 0) problems.push(`${refused.length} refused: ${told(refused)}`);
  if (firstMs === null) problems.push('no result after mending');
  else if (firstMs > limitMs)
    problems.push(`the first result came after ${firstMs} ms, more than ${limitMs}`);
  return problems;
}

/** A few trails as what their callers were told. */
function told(trails: readonly Trail[]): string {
  return trails
    .slice(0, examples)
    .map(({ key, kind, jobIds, outcomes, refusals, vanished }) => {
      const heard = [...jobIds, ...outcomes.map(({ status, digest }) => `${status} ${digest.slice(0, 8)}`)];
      return `${kind} ${key} [${[...heard, ...refusals, ...(vanished ? [`lost ${vanished}`] : [])].join(', ')}]`;
    })
    .join('; ');
}

/** Waits until requests are answered in full, whatever an earlier round has left. */
async function serving(cluster: Cluster): Promise<void> {
  for (let good = 0; good < 3; good++) {
    const probe = new Users(cluster.url);
    await eventually(
      async () => {
        await probe.run({ jobs: 0, requests: 1 }, () => undefined, AbortSignal.timeout(settleMs));
        return probe.trails.at(-1)?.ended;
      },
      (ended) => ended === true,
      { withinMs: settleMs },
    );
  }
}

/** @returns what is still open after a while, in words */
async function settled(cluster: Cluster): Promise<string[]> {
  const open = (): Promise<number> =>
    count(
      cluster,
      `select (select count(*) from orchestration where status in ('pending', 'running'))
            + (select count(*) from run_key where closed_at is null) as n`,
    );
  try {
    await eventually(open, (n) => n === 0, { withinMs: settleMs, everyMs: 250 });
    return [];
  } catch {
    return [`${await open()} jobs and runs stay open`];
  }
}

function storedResults(cluster: Cluster): Promise<number> {
  return count(cluster, `select count(*) as n from orchestration where status = 'completed'`);
}

async function count(cluster: Cluster, query: string): Promise<number> {
  const client = new Client({ connectionString: cluster.databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ n: string }>(query);
    return Number(rows[0]!.n);
  } finally {
    await client.end();
  }
}

function signal(): { readonly given: Promise<void>; give: () => void } {
  let give: () => void = () => undefined;
  const given = new Promise<void>((resolve) => (give = resolve));
  return { given, give };
}
