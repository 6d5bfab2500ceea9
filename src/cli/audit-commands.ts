import { type Command, Option } from 'commander';
import type { AuditVerification } from '../contract/audit';
import { loadSettings } from '../config/load-settings';
import { type AuditFormat, auditFormats } from '../domain/audit-formats';
import type { LocalAudit } from './audit-store';
import { colors } from './colors';
import { type Format, printObject, printTable } from './print';
import { whenText } from './when';

interface RangeOptions {
  readonly tenant?: string;
  readonly from?: string;
  readonly to?: string;
}
interface ExportOptions extends RangeOptions {
  readonly format: AuditFormat;
  readonly kind?: string;
}

const broken = 1;
const unable = 2;

/** `conclave audit …`: on the database itself, so that it need not be taken on trust from a server (docs/audit.md). */
export function addAuditCommands(audit: Command, exit: (code: number) => void): void {
  const run =
    <T>(work: (log: LocalAudit, options: T) => Promise<void>) =>
    async (options: T): Promise<void> => {
      const { withAudit } = await import('./audit-store.js');
      try {
        await withAudit(loadSettings().settings, (log) => work(log, options));
      } catch (error) {
        console.error((error as Error).message);
        exit(unable);
      }
    };

  ranged(
    audit.command('verify').description('find the first break of each chain; exit code 1 if there is one'),
  )
    .addOption(new Option('--format <format>', 'how to print').choices(['table', 'json']).default('table'))
    .action(
      run<RangeOptions & { format: Format }>(async ({ verifier }, { tenant, from, to, format }) => {
        const verified = await verifier.verify({
          tenantId: tenant ?? null,
          from: from === undefined ? undefined : new Date(from),
          to: to === undefined ? undefined : new Date(to),
        });
        if (format === 'json') printObject(format, verified);
        else show(verified);
        if (!verified.intact) exit(broken);
      }),
    );

  ranged(audit.command('export').description('write records to the standard output, the oldest first'))
    .option('--kind <kind>', 'only of this kind, e.g. policy_change')
    .addOption(new Option('--format <format>', 'how to write').choices(auditFormats).default('ndjson'))
    .action(
      run<ExportOptions>(async ({ write }, { tenant, format, ...rest }) => {
        const { auditQuerySchema } = await import('../contract/audit.js');
        await write(tenant ?? null, auditQuerySchema.parse(rest), format);
      }),
    );

  audit
    .command('key')
    .description('the public key of the checkpoints, for audit.trusted_keys of others')
    .action(
      run(async ({ keys }) => {
        console.log(keys.publicKey);
      }),
    );
}

function ranged(command: Command): Command {
  return command
    .option('--tenant <tenant>', 'of this tenant only; * is for what is of no single one')
    .addOption(new Option('--from <time>', 'a date, a time, or days ago such as 30d').argParser(whenPast))
    .addOption(new Option('--to <time>').argParser(whenPast));
}

/** Days of {@link whenText} lie ahead; a log has none such. */
export function whenPast(text: string): string {
  const days = /^(\d{1,4})d$/.exec(text)?.[1];
  return days === undefined ? whenText(text) : new Date(Date.now() - Number(days) * 86_400_000).toISOString();
}

function show(verified: AuditVerification): void {
  const { intact, rows, chains, breaks } = verified;
  printTable('table', chains, {
    chain: (one) => one.tenant_id,
    from: (one) => String(one.from_position + 1),
    to: (one) => String(one.to_position),
    signed: (one) => (one.signed_position === null ? '-' : `${one.signed_position} (${one.signed_at})`),
    hash: (one) => one.hash?.slice(0, 16) ?? '-',
  });
  showBreaks(verified);
  console.log(intact ? `intact: ${rows} rows` : `broken: ${breaks.length} of the chains`);
}

export function showBreaks({ breaks }: AuditVerification): void {
  for (const one of breaks) {
    const where = [
      one.position === null ? '' : ` at position ${one.position}`,
      one.sequence === null ? '' : ` (row ${one.sequence})`,
    ].join('');
    console.log(`${colors.bold(`${one.tenant_id}: ${one.kind}`)}${where}: ${one.message}`);
  }
}
