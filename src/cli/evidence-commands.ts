import { type Command, Option } from 'commander';
import { loadSettings } from '../config/load-settings';
import type { EvidenceManifest } from '../contract/evidence';
import type { EvidenceFigures } from '../domain/evidence-summary';
import { showBreaks, whenPast } from './audit-commands';
import { colors } from './colors';
import type { VerifiedEvidence } from './evidence-verify';
import { type Format, printObject, printTable } from './print';

interface ExportOptions {
  readonly tenant: string;
  readonly framework: string;
  readonly from: string;
  readonly to: string;
  readonly out: string;
  readonly format: Format;
}
interface VerifyOptions {
  readonly key?: readonly string[];
  readonly format: Format;
}

const broken = 1;
const unable = 2;
/** What takes no longer is not told of. */
const quietMs = 2000;

/** `conclave evidence …`: what an auditor is given, and how they tell that it is what was given (docs/evidence.md). */
export function addEvidenceCommands(evidence: Command, exit: (code: number) => void): void {
  const run =
    <A extends unknown[]>(work: (...args: A) => Promise<boolean>) =>
    async (...args: A): Promise<void> => {
      try {
        if (!(await work(...args))) exit(broken);
      } catch (error) {
        console.error((error as Error).message);
        exit(unable);
      }
    };

  evidence
    .command('export')
    .description('write what is on record of a tenant, for a framework and a period, into a signed folder')
    .requiredOption('--tenant <tenant>', 'whose')
    .requiredOption('--framework <id>', 'such as SOC2; one that is not known has all of them listed')
    .addOption(mandatory('--from <time>', 'a date (of UTC), a time, or days ago such as 30d'))
    .addOption(mandatory('--to <time>', 'the first moment that does not belong to it'))
    .requiredOption('--out <folder>', 'where to; it is made')
    .addOption(printed())
    .action(run(exportPackage));

  evidence
    .command('verify')
    .description(
      'tell whether such a folder is what was signed, without service or database; exit code 1 if not',
    )
    .argument('<folder>')
    .option(
      '--key <public-key...>',
      'of where it is from, as conclave audit key prints it there (default: those of the installation here, if any)',
    )
    .addOption(printed())
    .action(run(verifyPackage));
}

async function exportPackage({ format, ...options }: ExportOptions): Promise<boolean> {
  const { tenantSchema } = await import('../contract/text.js');
  const { loadKnowledge } = await import('../mapper/knowledge.js');
  const { exportEvidence, refusal } = await import('./evidence-export.js');
  const { withAudit } = await import('./audit-store.js');
  const { settings } = loadSettings();
  const knowledge = loadKnowledge(settings.mapper.taxonomy_path);
  const { tenant, out: folder, framework, from, to } = options;
  const wanted = { tenantId: tenant, framework, from, to, folder };
  const refused = tenantSchema.safeParse(tenant).success
    ? refusal(wanted, knowledge)
    : `${tenant} is no id of a tenant`;
  if (refused !== null) throw new Error(refused);
  let isWritten = false;
  await withAudit(settings, async (audit) => {
    const exported = await exportEvidence(audit, knowledge, wanted, nowAndThen());
    if ('broken' in exported) {
      if (format === 'json') printObject(format, exported.broken);
      else showBreaks(exported.broken);
      console.error('nothing was written: what is not intact is no evidence');
      return;
    }
    if (format === 'json') printObject(format, exported);
    else showExported(exported, folder);
    isWritten = true;
  });
  return isWritten;
}

async function verifyPackage(folder: string, { key, format }: VerifyOptions): Promise<boolean> {
  const { installedKeys, TrustedKeys } = await import('../store/audit-keys.js');
  const { verifyEvidence } = await import('./evidence-verify.js');
  const installed = () => {
    const { audit, service } = loadSettings().settings;
    return installedKeys(audit, service.data_dir);
  };
  const known = key ? new TrustedKeys(key, '--key: these') : installed();
  const verified = await verifyEvidence(folder, known, nowAndThen());
  if (format === 'json') printObject(format, verified);
  else showVerified(verified);
  return verified.intact;
}

function mandatory(flags: string, description: string): Option {
  return new Option(flags, description).argParser(whenPast).makeOptionMandatory();
}

function printed(): Option {
  return new Option('--format <format>', 'how to print').choices(['table', 'json']).default('table');
}

/** Of long work, to whoever waits; what is printed is not mixed with it. */
function nowAndThen(): (text: string) => void {
  let last = Date.now();
  return (text) => {
    if (Date.now() - last < quietMs) return;
    last = Date.now();
    console.error(text);
  };
}

function showExported(
  { manifest, figures }: { readonly manifest: EvidenceManifest; readonly figures: EvidenceFigures },
  folder: string,
): void {
  printTable('table', figures.controls, {
    control: (one) => one.control_id,
    verdicts: (one) => String(one.verdicts.total),
    adverse: (one) => String(one.verdicts.adverse),
    coverage: (one) => one.verdicts.mean_coverage?.toFixed(2) ?? '-',
    title: (one) => one.title,
  });
  const { verdicts, incidents } = figures;
  const approvals = Object.values(figures.approvals).reduce((sum, count) => sum + count, 0);
  console.log(
    `${verdicts.total} verdicts, ${verdicts.adverse} adverse; ${incidents.resolved + incidents.open} incidents, ` +
      `${incidents.open} of them open; ${approvals} decisions on policies and allow-lists`,
  );
  for (const limit of manifest.limits) console.log(`- ${limit}`);
  console.log(`written: ${folder}`);
}

function showVerified(verified: VerifiedEvidence): void {
  const { intact, faults, signed_by: key, key_known: isKnown, events, made_unreadable: unread } = verified;
  for (const { file, message } of faults) console.log(`${colors.bold(file)}: ${message}`);
  if (verified.period) {
    const { from, to } = verified.period;
    console.log(`${verified.tenant_id}, ${verified.framework}, from ${from} to ${to}`);
    console.log(`${events} events, ${verified.checkpoints} signed checkpoints among them`);
    if (unread > 0)
      console.log(`of ${unread} events the digest cannot be made anew: something in them is unreadable`);
    if (isKnown === null)
      console.log(`signed by key ${key}, with which nothing here could be compared: see --key`);
    else console.log(`signed by key ${key}, which is ${isKnown ? '' : 'not '}known here`);
  }
  console.log(intact ? 'intact' : `broken: ${faults.length} faults`);
}
