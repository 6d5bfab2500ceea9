import { setImmediate as nextTurn } from 'node:timers/promises';
import { cancellationSignal, heartbeat } from '@temporalio/activity';
import type { PausePoint } from '../config/pause-point';
import type { SimulationActivities } from '../contract/simulation-run';
import type { EndedRunRecord } from '../contract/ended-run';
import type { Simulated } from '../domain/simulation-comparison';
import { compared } from '../domain/simulation-comparison';
import { type CategoryOf, emptyReport, ReportBuilder } from '../domain/simulation-report';
import { counting } from '../domain/suppression';
import type { EndedRunPage, EndedRuns } from '../store/ended-runs';
import type { Simulations, SimulationState } from '../store/simulations';

export interface SimulateDependencies {
  readonly simulations: Pick<Simulations, 'resume' | 'advance' | 'end'>;
  readonly runs: Pick<EndedRuns, 'page'>;
  /** Brings a candidate into memory; `done` when it is asked for no more. */
  readonly replayerOf: (document: Buffer) => Replaying;
  readonly categoryOf: CategoryOf;
  readonly pause: PausePoint;
  readonly log: { error(fields: object, message: string): void };
}

/** A candidate that cannot be replayed to the end; the message is for whoever asked. */
export class HopelessCandidateError extends Error {
  override readonly name = 'HopelessCandidateError';
}

export interface Replaying {
  /** @throws HopelessCandidateError */
  replay(requestId: string, run: EndedRunRecord): Promise<Simulated>;
  done(): Promise<void>;
}

const pageSize = 500;
const shiftMs = 20_000;
/** The event loop is others' too: after so long they have a turn. */
const turnMs = 5;

/** What the workflow of a simulation asks of the world: pages of runs replayed, each counted once and for all. */
export function createSimulationActivities(deps: SimulateDependencies): SimulationActivities {
  return {
    async simulatePolicy({ simulation_id: id }) {
      const state = await deps.simulations.resume(id);
      if (!state) return { done: true };
      const replayer = deps.replayerOf(state.document);
      try {
        return { done: await replayShift(deps, state, replayer) };
      } catch (error) {
        if (error instanceof HopelessCandidateError) {
          await deps.simulations.end(id, 'failed', error.message);
          return { done: true };
        }
        if (!cancellationSignal().aborted)
          deps.log.error({ simulation_id: id, error }, 'a page of a simulation could not be replayed');
        throw error;
      } finally {
        await replayer.done();
      }
    },
    async endSimulation({ simulation_id: id, status, error }) {
      await deps.simulations.end(id, status, error);
    },
  };
}

/** @returns whether nothing is left to do */
async function replayShift(
  deps: SimulateDependencies,
  { simulation, after, report }: SimulationState,
  replayer: Replaying,
): Promise<boolean> {
  const builder = new ReportBuilder(deps.categoryOf, report ?? emptyReport);
  const until = performance.now() + shiftMs;
  let { replayed } = simulation;
  for (let end = after; performance.now() < until;) {
    const page = await deps.runs.page(simulation.range, end, pageSize);
    await replayPage(page, replayer, builder);
    const next = { replayed: replayed + page.runs.length, after: page.next, report: builder.report };
    // It has ended, or another worker has gone on with it: which, the next shift sees.
    if (!(await deps.simulations.advance(simulation, replayed, next))) return false;
    await deps.pause('simulated');
    if (page.next === null) return true;
    ({ replayed } = next);
    end = page.next;
  }
  return false;
}

async function replayPage(
  { runs }: EndedRunPage,
  replayer: Replaying,
  builder: ReportBuilder,
): Promise<void> {
  let turnEnds = performance.now() + turnMs;
  for (const { requestId, record } of runs) {
    cancellationSignal().throwIfAborted();
    if (record) {
      const simulated = await replayer.replay(requestId, record);
      const comparison = compared(record.outcome, simulated);
      const suppressed = suppressedIn(record);
      builder.add({ requestId, contentType: record.content_type, comparison, suppressed });
    } else builder.addUnreadable(requestId);
    if (performance.now() < turnEnds) continue;
    heartbeat();
    await nextTurn();
    turnEnds = performance.now() + turnMs;
  }
  heartbeat();
}

function suppressedIn({ results }: EndedRunRecord): number {
  return results.reduce((sum, { findings }) => sum + findings.length - counting(findings).length, 0);
}
