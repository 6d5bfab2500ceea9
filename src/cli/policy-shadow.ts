import { type Command, InvalidArgumentError } from 'commander';
import type { ShadowView } from '../contract/shadow';
import { apiCommands, call, type CommandContext, type Common } from './api-commands';
import { type Format, printObject } from './print';
import { whenText } from './when';

interface StartOptions extends Common {
  readonly percent: number;
  readonly expires: string;
  readonly as?: string;
}

/** `conclave policy shadow …`: versions that judge beside the ones that decide (docs/shadow.md). */
export function addPolicyShadowCommands(policy: Command, context: CommandContext): void {
  const shadow = policy.command('shadow').description('have a version judge beside the one that decides');
  const { command, run } = apiCommands(shadow, context);

  command('start', 'have a version judge a share of the requests, too')
    .argument('<bundle>')
    .argument('<version>')
    .option('--percent <percent>', 'share of the requests', share, 10)
    .requiredOption('--expires <when>', 'a date, a time, or in so many days: 7d', whenText)
    .option('--as <name>', 'who you are, while there is no authentication')
    .action(
      run<StartOptions>(async (target, { format, percent, expires: expires_at, as }, bundle, version) => {
        const body = { version, percent, expires_at };
        printShadow(format, await call({ ...target, principal: as }, 'PUT', pathOf(bundle), body));
      }),
    );

  command('show', 'where it came out differently')
    .argument('<bundle>')
    .action(
      run(async (target, { format }, bundle) =>
        printShadow(format, await call(target, 'GET', pathOf(bundle))),
      ),
    );

  command('stop', 'end it; what was counted stays to be read')
    .argument('<bundle>')
    .option('--as <name>', 'who you are, while there is no authentication')
    .action(
      run<Common & { as?: string }>(async (target, { format, as }, bundle) => {
        await call({ ...target, principal: as }, 'DELETE', pathOf(bundle));
        printObject(format, { ended: bundle });
      }),
    );
}

function printShadow(format: Format, shadow: ShadowView): void {
  if (format === 'json') return printObject(format, shadow);
  const { policy_bundle: bundle, version, percent, status, expires_at: expires, missed, report } = shadow;
  const { replayed, unchanged, flipped, relabeled, unknown } = report;
  const counts = { judged: replayed, unchanged, flipped, relabeled, unknown };
  printObject(format, { bundle, version, percent, status, expires, ...counts, ...missed });
  for (const { from, to, count } of report.verdicts.slice(0, 10))
    console.log(`${count} ${from.kind} ${from.label ?? ''} -> ${to.kind} ${to.label ?? ''}`);
  for (const requestId of report.examples.flipped ?? []) console.log(`flipped: ${requestId}`);
}

function pathOf(bundle = ''): string {
  return `/policies/${encodeURIComponent(bundle)}/shadow`;
}

function share(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 100) return value;
  throw new InvalidArgumentError('must be a percentage above 0, at most 100');
}
