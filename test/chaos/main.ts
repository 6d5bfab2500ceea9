import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { render } from '../../bench/report';
import { Stage } from '../../bench/stage';
import { startCluster } from './cluster';
import { type Fault, faults } from './faults';
import { reportOf } from './report';
import { type RoundResult, runRound } from './round';
import type { LoadShape } from './users';

interface Options extends LoadShape {
  readonly rounds: number;
  readonly faults: readonly Fault[];
  readonly logs?: string;
}

const interrupted = 130;

const log = (line: string): void => console.error(`chaos: ${line}`);

/** Every fault in turn, so often; what is done by a Ctrl-C is still reported. */
async function perform({ rounds, faults: chosen, logs, ...load }: Options): Promise<void> {
  const stage = new Stage();
  if (logs !== undefined) stage.onStrike(async () => keepLogs(stage.directory, logs));
  const results: RoundResult[] = [];
  const leave = (): void => {
    void stage.strike().finally(() => {
      console.log(render(reportOf('chaos', results)));
      process.exit(interrupted);
    });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, leave);
  try {
    log('starting PostgreSQL, Temporal, detectors, worker and facade');
    const cluster = await startCluster(stage, log);
    for (let round = 1; round <= rounds; round++) {
      for (const fault of chosen) {
        const result = await runRound(cluster, fault, round, load);
        results.push(result);
        log(
          `${fault.name}, round ${round} of ${rounds}: ${result.problems.length === 0 ? 'good' : result.problems.join('; ')}`,
        );
      }
    }
    await stage.strike();
    console.log(render(reportOf('chaos', results)));
    if (results.some(({ problems }) => problems.length > 0)) process.exitCode = 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  } finally {
    await stage.strike();
  }
}

function keepLogs(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { recursive: true, encoding: 'utf8' })) {
    if (entry.endsWith('.log')) copyFileSync(path.join(from, entry), path.join(to, path.basename(entry)));
  }
}

function whole(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('not a whole number from 1');
  return number;
}

function faultsNamed(text: string): Fault[] {
  const words = text.split(',').map((word) => word.trim());
  const chosen = faults.filter(({ name }) => words.some((word) => name.includes(word)));
  if (chosen.length === 0) throw new InvalidArgumentError('names none of the faults');
  return chosen;
}

void new Command('chaos')
  .description('Faults under load, and what became of every request; see docs/chaos.md')
  .option('--rounds <n>', 'how often every fault strikes', whole, 1)
  .option(
    '--faults <names>',
    'parts of their names, by commas: kill, cut, "kill worker"',
    faultsNamed,
    faults,
  )
  .option('--jobs <n>', 'jobs in each round', whole, 500)
  .option('--requests <n>', 'sync requests in each round', whole, 200)
  .option('--logs <folder>', 'where to keep the logs of all processes')
  .addHelpText('after', `\nFaults:\n${faults.map(({ name }) => `  ${name}`).join('\n')}`)
  .action(perform)
  .parseAsync();
