import { setTimeout as delay } from 'node:timers/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { SimulationView } from '../contract/simulation';
import type { SimulationReport } from '../contract/simulation-report';
import type { ApiTarget } from './api-client';
import { apiCommands, call, type CommandContext, type Common, invalid } from './api-commands';
import { type Format, printObject, printTable } from './print';

interface SimulateOptions extends Common {
  readonly version?: string;
  readonly from?: string;
  readonly since: string;
  readonly until?: string;
  readonly wait: boolean;
  readonly failOnFlips?: number;
  readonly failOnUnknown?: number;
}

const askEveryMs = 500;

/** `conclave policy simulate`: what a candidate would have made of what was judged before (docs/simulation.md). */
export function addPolicySimulateCommand(policy: Command, context: CommandContext): void {
  const { command, run } = apiCommands(policy, context);
  command('simulate', 'what a candidate would have made of what was judged before')
    .argument('<bundle>')
    .option('--version <version>', 'a version of the store')
    .addOption(
      new Option('--from <path>', 'a bundle’s folder, or a file with its static fields').conflicts('version'),
    )
    .addOption(
      new Option('--since <time>', 'a time, or how long ago: 30m, 12h, 7d')
        .default(momentOf('7d'), '7d')
        .argParser(momentOf),
    )
    .addOption(new Option('--until <time>', 'likewise (default: now)').argParser(momentOf))
    .option('--wait', 'stay until it has ended, and print the report', false)
    .addOption(
      new Option(
        '--fail-on-flips <count>',
        'exit with 1 when so many verdicts or more flip; waits',
      ).argParser(whole),
    )
    .addOption(
      new Option('--fail-on-unknown <count>', 'likewise where it cannot be told; waits').argParser(whole),
    )
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 refused, failed, or as the --fail-on options say, 2 misused or no connection.',
    )
    .action(
      run<SimulateOptions>(async (target, options, bundle) => {
        const path = `/policies/${encodeURIComponent(bundle)}`;
        const begun = await call<SimulationView>(target, 'POST', `${path}/simulate`, {
          ...(await candidateIn(options)),
          since: options.since,
          ...(options.until === undefined ? {} : { until: options.until }),
        });
        const waits =
          options.wait || options.failOnFlips !== undefined || options.failOnUnknown !== undefined;
        if (!waits) return printObject(options.format, begun);
        const ended = await untilEnded(target, `${path}/simulations/${begun.simulation_id}`, begun);
        return verdictOn(ended, options);
      }),
    );
}

async function candidateIn({ version, from }: SimulateOptions): Promise<object> {
  if (version !== undefined) return { version };
  if (from === undefined) throw new Error('name a candidate: --version <version> or --from <path>');
  const { readTexts } = await import('./policy-texts.js');
  const { policy, rego } = await readTexts(from);
  return { policy, rego };
}

async function untilEnded(target: ApiTarget, path: string, begun: SimulationView): Promise<SimulationView> {
  let simulation = begun;
  let said = '';
  for (;;) {
    const line = `${simulation.status}: ${simulation.replayed} of ${simulation.total} requests replayed`;
    if (line !== said) console.error(line);
    said = line;
    if (simulation.completed_at !== null) return simulation;
    await delay(askEveryMs);
    simulation = await call<SimulationView>(target, 'GET', path);
  }
}

/** @returns the exit code */
function verdictOn(ended: SimulationView, options: SimulateOptions): number {
  const { report } = ended;
  if (!report) {
    console.error(ended.error ?? `the simulation was ${ended.status}`);
    printObject(options.format, ended);
    return invalid;
  }
  printReport(options.format, ended, report);
  const { failOnFlips = Infinity, failOnUnknown = Infinity } = options;
  const failures = [
    ...(report.flipped >= failOnFlips ? [`${report.flipped} verdicts flip`] : []),
    ...(report.unknown >= failOnUnknown ? [`of ${report.unknown} requests it cannot be told`] : []),
  ];
  for (const failure of failures) console.error(`failed: ${failure}`);
  return failures.length === 0 ? 0 : invalid;
}

function printReport(format: Format, ended: SimulationView, report: SimulationReport): void {
  if (format === 'json') return printObject(format, ended);
  printObject(format, {
    candidate: `${ended.candidate.version}${ended.candidate.stored ? '' : ' (not stored)'}`,
    time: `${ended.since} to ${ended.until}`,
    replayed: String(report.replayed),
    unchanged: String(report.unchanged),
    flipped: String(report.flipped),
    relabeled: String(report.relabeled),
    'coverage lost': String(report.coverage_lost),
    'coverage gained': String(report.coverage_gained),
    'failure policy changed': String(report.failure_policy_changed),
    'static fields stood in': String(report.fell_back),
    unknown: String(report.unknown),
  });
  printRows('verdicts', report.verdicts, {
    from: ({ from }) => verdict(from),
    to: ({ to }) => verdict(to),
    requests: ({ count }) => String(count),
  });
  printRows('statuses', report.statuses, {
    from: ({ from }) => String(from),
    to: ({ to }) => String(to),
    requests: ({ count }) => String(count),
  });
  printRows('detectors', report.detectors, {
    added: ({ added }) => added.join(', '),
    removed: ({ removed }) => removed.join(', '),
    requests: ({ count }) => String(count),
  });
  printRows('unknown', Object.entries(report.unknowns.by_detector), {
    'did not look then': ([detector]) => detector,
    requests: ([, count]) => String(count),
  });
  const parts = [...Object.entries(report.by_content_type), ...Object.entries(report.by_category)];
  printRows('by content type and category', parts, {
    part: ([part]) => part,
    replayed: ([, tally]) => String(tally.replayed),
    flipped: ([, tally]) => String(tally.flipped),
    'coverage lost': ([, tally]) => String(tally.coverage_lost),
    'coverage gained': ([, tally]) => String(tally.coverage_gained),
    unknown: ([, tally]) => String(tally.unknown),
  });
  printRows('examples', Object.entries(report.examples), {
    change: ([change]) => change,
    'request ids': ([, ids]) => ids.slice(0, shownExamples).join('\n'),
  });
}

const shownExamples = 3;

function printRows<T>(
  title: string,
  rows: readonly T[],
  columns: Readonly<Record<string, (row: T) => string>>,
): void {
  if (rows.length === 0) return;
  console.log(`\n${title}`);
  printTable('table', rows, columns);
}

function verdict({ kind, label }: SimulationReport['verdicts'][number]['from']): string {
  return label === null ? kind : `${kind}: ${label}`;
}

const unitMs = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A moment as the API takes it. */
function momentOf(text: string): string {
  const ago = /^(\d{1,6})([mhd])$/.exec(text);
  const at = ago ? Date.now() - Number(ago[1]) * unitMs[ago[2] as keyof typeof unitMs] : Date.parse(text);
  if (Number.isNaN(at))
    throw new InvalidArgumentError('must be a time such as 2026-11-21T12:00:00Z, or 30m, 12h, 7d');
  return new Date(at).toISOString();
}

function whole(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('must be a whole number above 0');
}
