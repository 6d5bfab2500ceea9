import { Stage } from '../../bench/stage';
import { type Cluster, startCluster } from './cluster';
import { type Fault, faults } from './faults';
import { runRound } from './round';

/** One short round of every fault; `npm run chaos` has more of both. */
const load = { jobs: 60, requests: 40 };
const roundLimitMs = 240_000;

/** What a round of each kind of fault shows of the acceptance checklist. */
const proofs: Readonly<Record<string, string>> = {
  kill: '[9] [15.2]',
  freeze: '[15.2]',
  cut: '[15.2]',
  stall: '[15.2]',
  drop: '[15.2]',
};

describe('under load', () => {
  const stage = new Stage();
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster(stage, () => undefined);
  }, roundLimitMs);
  afterAll(() => stage.strike(), roundLimitMs);

  it.each(faults.map((fault) => [fault.name, proofs[fault.name.split(' ')[0]!]!, fault] as const))(
    '%s: nothing accepted is lost, nobody is told two things, and it comes back unaided %s',
    async (_name, _proofs, fault: Fault) => {
      const { problems, ...figures } = await runRound(cluster, fault, 1, load);
      expect(problems).toEqual([]);
      expect(figures).toMatchObject({ answered: figures.sent, lost: 0, contradictory: 0, unanswered: 0 });
      expect(figures.sent).toBeGreaterThanOrEqual(load.jobs + load.requests);
    },
    roundLimitMs,
  );
});
