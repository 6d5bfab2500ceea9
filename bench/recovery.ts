import { startCluster } from '../test/chaos/cluster';
import { faults } from '../test/chaos/faults';
import { reportOf } from '../test/chaos/report';
import { type RoundResult, runRound } from '../test/chaos/round';
import type { Report } from './report';
import type { Stage } from './stage';

export interface RecoveryOptions {
  quick: boolean;
  log: (line: string) => void;
}

const fullLoad = { jobs: 500, requests: 200 };
const quickLoad = { jobs: 30, requests: 20 };
const quickFaults: readonly string[] = ['kill worker', 'kill facade'];

/** Every process killed once under load, by the machinery of `npm run chaos`: what is lost, how soon results come again. */
export async function recovery(stage: Stage, { quick, log }: RecoveryOptions): Promise<Report> {
  log('starting PostgreSQL, Temporal, detectors, worker and facade');
  const cluster = await startCluster(stage, log);
  const results: RoundResult[] = [];
  for (const fault of faults.filter(({ name }) => name.startsWith('kill'))) {
    if (quick && !quickFaults.includes(fault.name)) continue;
    log(fault.name);
    results.push(await runRound(cluster, fault, 1, quick ? quickLoad : fullLoad));
  }
  return reportOf('recovery', results);
}
