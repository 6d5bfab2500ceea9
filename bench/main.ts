import { Command, InvalidArgumentError, Option } from 'commander';
import type { BenchOptions } from './arena';
import { audit } from './audit';
import { backendNames } from './backend';
import { batch } from './batch';
import { cache } from './cache';
import { health } from './health';
import { identity } from './identity';
import { latency } from './latency';
import { overload } from './overload';
import { parsePeer, type Peer } from './peer';
import { policy } from './policy';
import { ramp } from './ramp';
import { recovery } from './recovery';
import { render, type Report } from './report';
import { simulate } from './simulate';
import { Stage } from './stage';
import { tail } from './tail';
import { versus } from './versus';
import { rowNames, type RowName } from './visits';

const limitMs = 15 * 60_000;
const interrupted = 130;
/** Where the registry of the fixtures says that the detectors are. */
const registeredMockPort = 8090;

/** Runs one bench; whatever it started is stopped, also on an error, on Ctrl-C and when it takes too long. */
async function perform(bench: (stage: Stage) => Promise<Report>): Promise<void> {
  const stage = new Stage();
  let leaving = false;
  const leave = (code: number) => {
    leaving = true;
    void stage.strike().finally(() => process.exit(code));
  };
  process.once('SIGINT', () => leave(interrupted));
  process.once('SIGTERM', () => leave(interrupted));
  const watchdog = setTimeout(() => {
    console.error('the bench took too long and was ended');
    leave(1);
  }, limitMs);
  try {
    const report = await bench(stage);
    await stage.strike();
    console.log(render(report));
  } catch (error) {
    if (!leaving) console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  } finally {
    clearTimeout(watchdog);
    await stage.strike();
  }
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError('not a port');
  return port;
}

function positiveNumbers(text: string): number[] {
  const numbers = text.split(',').map(Number);
  if (!numbers.every((number) => Number.isInteger(number) && number > 0)) {
    throw new InvalidArgumentError('not a list of positive numbers');
  }
  return numbers;
}

function rowList(text: string): RowName[] {
  return text.split(',').map((name) => {
    const known = rowNames.find((row) => row === name);
    if (!known) throw new InvalidArgumentError(`choose out of ${rowNames.join(',')}`);
    return known;
  });
}

function anotherPeer(text: string, before: Peer[]): Peer[] {
  try {
    return [...before, parsePeer(text)];
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** What commander makes of a command line: the options of a bench, but these. */
type CommandLine<T> = T & { peer: Peer[]; mockPort: number | undefined; target?: string };

const program = new Command('bench').description('Benchmarks of Conclave; see docs/benchmarks.md');

/** A bench with the options that all have. */
function addBench<T extends BenchOptions>(
  name: string,
  description: string,
  bench: (stage: Stage, options: T) => Promise<Report>,
): Command {
  return program
    .command(name)
    .description(description)
    .option('--quick', 'end within 60 seconds, with shorter windows', false)
    .addOption(
      new Option('--backend <name>', 'servers of `npm start`, or PostgreSQL also under Temporal')
        .choices(backendNames)
        .default('embedded'),
    )
    .option('--temporal <address>', 'use this running Temporal server (host:port) instead of starting one')
    .option(
      '--peer <name=url>',
      'measure this peer too, which has the mock detectors (FMS v2); may be repeated',
      anotherPeer,
      [],
    )
    .option(
      '--mock-port <port>',
      `where the mock detectors listen (default: any free port; ${registeredMockPort} with --target or --peer)`,
      portNumber,
    )
    .action((line: CommandLine<T>) => {
      const { peer: peers, mockPort } = line;
      const someoneElses = line.target !== undefined || peers.length > 0;
      const settled = {
        peers,
        mockPort: mockPort ?? (someoneElses ? registeredMockPort : 0),
        log: (text: string) => console.error(`bench: ${(performance.now() / 1_000).toFixed(1)} s: ${text}`),
      };
      return perform((stage) => bench(stage, { ...line, ...settled }));
    });
}

addBench('latency', 'a plain fan-out, a textbook workflow and Conclave, by number of clients', latency)
  .option('--clients <list>', 'numbers of clients', positiveNumbers, [1, 16, 64, 256])
  .option('--targets <list>', 'which rows, such as bare,conclave', rowList, [...rowNames])
  .option('--target <url>', 'measure this running Conclave instead of starting one');

addBench('tail', 'one of four detectors never answers: when answers leave, and with what', tail);
addBench('batch', 'a hundred items in a request and thousands in a bulk job', batch).option(
  '--items <list>',
  'sizes of the bulk jobs (with --quick none above 10,000)',
  positiveNumbers,
  [1_000, 10_000, 100_000],
);
addBench('cache', 'hits in the response cache against judging anew and a constant answer', cache);
addBench(
  'health',
  'proxied requests with and without 500 upstreams under check; a decision of a breaker',
  health,
);
addBench('ramp', 'up to 50 and 200 users, on one process and divided among two that share a store', ramp);
addBench('simulate', 'stored outcomes replayed through candidates of a policy', simulate).option(
  '--outcomes <number>',
  'how many are replayed (with --quick at most 5,000)',
  (text: string) => positiveNumbers(text)[0]!,
  100_000,
);
addBench('versus', 'this Conclave and that of another checkout, in turns', versus)
  .requiredOption('--other <folder>', 'the other checkout, with its dependencies installed and built')
  .option('--clients <list>', 'numbers of clients, each measured on its own', positiveNumbers, [64, 256])
  .option(
    '--rounds <number>',
    'windows of each at each number of clients (with --quick 3)',
    (text: string) => positiveNumbers(text)[0]!,
    10,
  );
addBench('overload', 'requests at once and at three times the sustainable rate', overload);

program
  .command('recovery')
  .description(
    'every process killed under load: what is lost, and how soon results come again; see docs/chaos.md',
  )
  .option('--quick', 'end within 60 seconds: a killed worker and a killed facade, under less load', false)
  .action((options: { quick: boolean }) =>
    perform((stage) => recovery(stage, { ...options, log: (line) => console.error(`bench: ${line}`) })),
  );

program
  .command('audit')
  .description('the audit log sealed, verified and exported: records a second, and memory')
  .option('--quick', 'with at most 50,000 records', false)
  .option('--rows <number>', 'records', (text: string) => positiveNumbers(text)[0]!, 1_000_000)
  .action((options: { quick: boolean; rows: number }) =>
    perform((stage) => audit(stage, { ...options, log: (line) => console.error(`bench: ${line}`) })),
  );

program
  .command('identity')
  .description('what finding out who calls costs, by API key and by token')
  .option('--quick', 'with fewer calls', false)
  .action((options: { quick: boolean }) => perform(() => identity(options)));

program
  .command('policy')
  .description('what one decision of a policy costs, and what a thousand bundles take')
  .option('--quick', 'with fewer decisions', false)
  .action((options: { quick: boolean }) => perform(() => policy(options)));

void program.parseAsync();
