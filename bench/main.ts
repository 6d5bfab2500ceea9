import { Command, InvalidArgumentError } from 'commander';
import { latency, targetNames, type LatencyOptions, type TargetName } from './latency';
import { render, type Report } from './report';
import { Stage } from './stage';

const limitMs = 15 * 60_000;
const interrupted = 130;

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

function clientNumbers(text: string): number[] {
  const numbers = text.split(',').map(Number);
  if (!numbers.every((number) => Number.isInteger(number) && number > 0)) {
    throw new InvalidArgumentError('not a list of positive numbers');
  }
  return numbers;
}

function targetList(text: string): TargetName[] {
  return text.split(',').map((name) => {
    const known = targetNames.find((target) => target === name);
    if (!known) throw new InvalidArgumentError(`choose out of ${targetNames.join(',')}`);
    return known;
  });
}

const program = new Command('bench').description('Benchmarks of Conclave; see docs/benchmarks.md');

program
  .command('latency')
  .description('a plain fan-out, a textbook workflow and Conclave, at 1, 16 and 64 clients')
  .option('--quick', 'end within 45 seconds', false)
  .option('--clients <list>', 'numbers of clients, such as 64,256', clientNumbers, [1, 16, 64])
  .option('--targets <list>', `which rows to measure, such as bare,conclave`, targetList, [...targetNames])
  .option('--target <url>', 'measure this running Conclave instead of starting one')
  .option('--temporal <address>', 'use this running Temporal server (host:port) instead of starting one')
  .option(
    '--mock-port <port>',
    'where the mock detectors listen (default: any free port; 8090 with --target)',
    portNumber,
  )
  .action((options: Omit<LatencyOptions, 'log' | 'mockPort'> & { mockPort?: number }) =>
    perform((stage) =>
      latency(stage, {
        ...options,
        mockPort: options.mockPort ?? (options.target ? 8090 : 0),
        log: (line) => console.error(`bench: ${line}`),
      }),
    ),
  );

void program.parseAsync();
