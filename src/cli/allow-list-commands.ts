import { type Command, Option } from 'commander';
import { type AllowList, type AllowListEntry, allowListStatuses } from '../contract/allow-list';
import type { ApiTarget } from './api-client';
import { apiCommands, call, callForAll, type CommandContext, type Common } from './api-commands';
import { type Format, printObject, printTable } from './print';
import { whenText } from './when';

interface AsPrincipal extends Common {
  readonly as?: string;
}

interface AddOptions extends AsPrincipal {
  readonly reason: string;
  readonly expires: string;
  readonly bundle?: string;
  readonly detector: string;
  readonly label: string;
}

interface ListOptions extends Common {
  readonly status?: string;
  readonly bundle?: string;
  readonly detector?: string;
  readonly fingerprint?: string;
}

/** `conclave allow-list …`: findings that are none (docs/false-positives.md). */
export function addAllowListCommands(allowList: Command, context: CommandContext): void {
  const { command, run } = apiCommands(allowList, context);
  const changing = (name: string, description: string): Command =>
    command(name, description).option('--as <name>', 'who you are, while there is no authentication');

  changing('add', 'propose that findings of a fingerprint count for nothing')
    .argument('<fingerprint>', 'of a finding in an answer')
    .requiredOption('--reason <text>', 'why it is none')
    .requiredOption('--expires <when>', 'a date, a time, or in so many days: 30d', whenText)
    .option('--bundle <bundle>', 'under this policy bundle only')
    .requiredOption('--detector <name>', 'whose finding it is')
    .requiredOption('--label <label>', 'of the finding')
    .action(
      run<AddOptions>(async (target, options, fingerprint) => {
        const { reason, expires: expires_at, bundle: policy_bundle, detector, label } = options;
        const body = { fingerprint, reason, expires_at, policy_bundle, detector, label };
        const entry = await call<AllowListEntry>(as(target, options), 'POST', '/allow-list', body);
        printEntry(options.format, entry);
        if (entry.status === 'pending_approval')
          console.error(`somebody else approves it: conclave allow-list approve ${entry.entry_id}`);
      }),
    );

  changing('approve', 'have findings of an entry count for nothing')
    .argument('<entry>')
    .action(
      run<AsPrincipal>(async (target, options, entry) => {
        printEntry(options.format, await call(as(target, options), 'POST', `${pathOf(entry)}/approve`));
      }),
    );

  command('list', 'entries of the tenant, the oldest first')
    .addOption(new Option('--status <status>', 'only these').choices(allowListStatuses))
    .option('--bundle <bundle>', 'those that act on this policy bundle')
    .option('--detector <name>', 'those of one detector')
    .option('--fingerprint <fingerprint>', 'those of one fingerprint')
    .action(
      run<ListOptions>(async (target, { format, status, bundle, detector, fingerprint }) => {
        const filters = { status, policy_bundle: bundle, detector, fingerprint };
        const pages = await callForAll<AllowList>(target, '/allow-list', ({ entries }) => entries, filters);
        printTable(
          format,
          pages.flatMap(({ entries }) => entries),
          {
            entry: (one) => one.entry_id,
            detector: (one) => one.detector,
            label: (one) => one.label,
            fingerprint: (one) => one.fingerprint,
            bundle: (one) => one.policy_bundle ?? 'all',
            status: (one) => one.status,
            expires: (one) => one.expires_at,
            by: (one) => [one.created_by, one.approved_by ?? []].flat().join(', '),
            reason: (one) => one.reason,
          },
        );
      }),
    );

  changing('revoke', 'have findings of an entry count again')
    .argument('<entry>')
    .action(
      run<AsPrincipal>(async (target, options, entry) => {
        await call(as(target, options), 'DELETE', pathOf(entry));
        printObject(options.format, { revoked: entry });
      }),
    );
}

function as(target: ApiTarget, { as: principal }: AsPrincipal): ApiTarget {
  return { ...target, principal };
}

function printEntry(format: Format, entry: AllowListEntry): void {
  if (format === 'json') return printObject(format, entry);
  const { entry_id, status, detector, label, fingerprint, policy_bundle, reason, expires_at } = entry;
  printObject(format, {
    entry: entry_id,
    status,
    detector,
    label,
    fingerprint,
    reason,
    bundle: policy_bundle ?? 'all',
    expires: expires_at,
  });
}

function pathOf(entry = ''): string {
  return `/allow-list/${encodeURIComponent(entry)}`;
}
