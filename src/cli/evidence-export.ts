import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuditVerification } from '../contract/audit';
import {
  type EvidenceCheckpoint,
  type EvidenceEvent,
  type EvidenceFile,
  type EvidenceManifest,
  judgedRecordSchema,
} from '../contract/evidence';
import type { DescribedFile } from '../contract/signed-report';
import { approvalIn } from '../domain/evidence-approvals';
import { evidenceLimits } from '../domain/evidence-limits';
import { evidenceControls, evidenceMapping, type FrameworkFacts } from '../domain/evidence-mapping';
import { type EvidenceFigures, EvidenceSummary } from '../domain/evidence-summary';
import { VersionsInUse } from '../domain/evidence-versions';
import { Outages } from '../domain/outages';
import type { Framework } from '../mapper/data-files';
import type { Knowledge } from '../mapper/knowledge';
import type { Extent } from '../store/audit-records';
import type { SealedRow } from '../store/sealed-rows';
import { signedReport } from '../store/signed-reports';
import type { LocalAudit } from './audit-store';
import { GrowingFile } from './evidence-file';
import { operationHere } from './operation-here';
import { version } from './version';

export interface WantedEvidence {
  readonly tenantId: string;
  readonly framework: string;
  /** RFC 3339; `to` is not part of it. */
  readonly from: string;
  readonly to: string;
  readonly folder: string;
}

export type ExportedEvidence =
  | { readonly manifest: EvidenceManifest; readonly figures: EvidenceFigures }
  /** Nothing was written. */
  | { readonly broken: AuditVerification };

/** So long a row may be without its place before somebody should look why. */
const sealedWithinMs = 10_000;
const lookEveryMs = 500;

/** What is wrong with what is asked for, as far as that can be told without the store. */
export function refusal({ from, to, folder, framework }: WantedEvidence, { frameworksById }: Knowledge) {
  if (!frameworksById.has(framework))
    return `there is no framework ${framework}; there are ${[...frameworksById.keys()].join(', ')}`;
  if (from >= to) return `the period is empty: ${from} is not before ${to}`;
  if (Date.parse(to) > Date.now()) return `the period is not over: ${to} lies ahead`;
  if (existsSync(folder) && (!statSync(folder).isDirectory() || readdirSync(folder).length > 0))
    return `${folder} is there already, and is no empty folder`;
  return null;
}

/**
 * Writes an evidence package (docs/evidence.md). The folder is there when it is complete, and not before.
 * @param progress is told now and then
 * @throws Error with what keeps it from being made
 */
export async function exportEvidence(
  audit: LocalAudit,
  knowledge: Knowledge,
  wanted: WantedEvidence,
  progress: (text: string) => void,
): Promise<ExportedEvidence> {
  const { tenantId, from, to, folder } = wanted;
  const extent = await sealedExtent(audit, wanted);
  progress(`verifying the chain of ${tenantId}`);
  const verified = await audit.verifier.verify({ tenantId, from: new Date(from), to: new Date(to) });
  if (!verified.intact) return { broken: verified };

  const target = path.resolve(folder);
  await mkdir(path.dirname(target), { recursive: true });
  const making = await mkdtemp(`${target}.part-`);
  try {
    const made = await new EvidencePackage(audit, knowledge, wanted, making).write(extent, progress);
    const { framework } = wanted;
    const operation = { action: 'conclave evidence export', target: { framework, from, to } };
    await audit.log.append(operationHere(tenantId, operation, randomUUID()));
    await rename(making, target);
    return made;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

/** @throws Error when there is nothing, or what there is does not get its place in the chain */
async function sealedExtent(
  { records }: LocalAudit,
  { tenantId, from, to }: WantedEvidence,
): Promise<Extent> {
  const until = Date.now() + sealedWithinMs;
  for (;;) {
    const extent = await records.extent(tenantId, { from, to });
    if (!extent) throw new Error(`nothing of tenant ${tenantId} is on record from ${from} to ${to}`);
    if (extent.unsealed === 0) return extent;
    if (Date.now() > until)
      throw new Error(`${extent.unsealed} records of that time are not sealed; is a worker running?`);
    await delay(lookEveryMs);
  }
}

class EvidencePackage {
  readonly #facts: FrameworkFacts;
  readonly #framework: Framework;
  readonly #summary: EvidenceSummary;
  readonly #outages = new Outages();
  readonly #versions = new VersionsInUse();
  #madeUnreadable = 0;

  constructor(
    private readonly audit: LocalAudit,
    private readonly knowledge: Knowledge,
    private readonly wanted: WantedEvidence,
    private readonly folder: string,
  ) {
    this.#framework = knowledge.frameworksById.get(wanted.framework)!;
    this.#facts = factsOf(this.#framework, knowledge);
    this.#summary = new EvidenceSummary(this.#facts);
  }

  async write(extent: Extent, progress: (text: string) => void) {
    const stretch = await this.#writeRows(extent, progress);
    const { title, edition, id } = this.#framework;
    const { tenantId, from, to } = this.wanted;
    const about = { tenant_id: tenantId, framework: { id, title, edition }, period: { from, to } };
    const figures = this.#summary.figures;
    const files = [
      await this.#document('controls.json', { ...about, controls: evidenceControls(this.#facts) }),
      ...stretch.files,
      await this.#document('versions.json', {
        product: version,
        taxonomy: this.knowledge.taxonomy.version,
        frameworks: this.knowledge.frameworks.version,
        on_record: this.#versions.figures,
      }),
      await this.#document('summary.json', { ...about, ...figures }),
    ];
    const manifest: EvidenceManifest = {
      format: 'conclave-evidence/1',
      ...about,
      made_at: new Date().toISOString(),
      made_by: `conclave ${version}`,
      chain: stretch.chain,
      public_keys: this.audit.keys.trusted.all,
      files,
      limits: evidenceLimits(figures, {
        madeUnreadable: this.#madeUnreadable,
        isCut: await this.audit.rows.isCutBefore(tenantId, extent.first),
      }),
    };
    const signed = `${JSON.stringify(signedReport(this.audit.keys, 'evidence', manifest), null, 2)}\n`;
    await writeFile(path.join(this.folder, 'manifest.json'), signed, { mode: 0o600 });
    return { manifest, figures };
  }

  /** All that comes of the audit log, in one walk along it. */
  async #writeRows({ first, last }: Extent, progress: (text: string) => void) {
    const names = ['events.ndjson', 'mappings.ndjson', 'incidents.ndjson', 'approvals.ndjson'] as const;
    const [events, mappings, incidents, approvals] = (await Promise.all(
      names.map((name) => GrowingFile.in(this.folder, name)),
    )) as [GrowingFile, GrowingFile, GrowingFile, GrowingFile];
    let [before, end]: [string, string] = ['', ''];
    for await (const rows of this.audit.rows.between(this.wanted.tenantId, first, last)) {
      const page = rows.map(eventOf);
      before ||= page[0]!.previous_hash;
      end = page.at(-1)!.hash;
      this.#madeUnreadable += page.filter(({ verbatim }) => !verbatim).length;
      await events.add(page);
      const found = await this.#evidenceIn(page.filter(({ at }) => this.#isInPeriod(at)));
      await mappings.add(found.mappings);
      await incidents.add(found.incidents);
      await approvals.add(found.approvals);
      progress(`${page.at(-1)!.position - first + 1} of ${last - first + 1} events`);
    }
    const unresolved = this.#outages.unresolved;
    for (const incident of unresolved) this.#summary.addIncident(incident);
    await incidents.add(unresolved);
    const written = await Promise.all([events, mappings, incidents, approvals].map((file) => file.end()));
    return {
      files: [...written, await this.#checkpoints(first, last)],
      chain: { first_position: first, last_position: last, previous_hash: before, hash: end },
    };
  }

  async #evidenceIn(events: readonly EvidenceEvent[]) {
    const judged = events
      .filter(({ kind }) => kind === 'orchestration')
      .map((event) => ({ ...event, record: judgedRecordSchema.parse(event.record) }));
    const sources = await this.audit.records.endings(
      judged.flatMap(({ record }) => record.answered_from?.request_id ?? []),
      this.wanted.tenantId,
    );
    const mappings = judged.map((one) => {
      const source = sources.get(one.record.answered_from?.request_id ?? '');
      const verdict = { ...one, source: source === undefined ? null : judgedRecordSchema.parse(source) };
      return evidenceMapping(verdict, this.#facts);
    });
    const incidents = judged.flatMap((one) => this.#outages.see(one));
    const approvals = events.flatMap((event) => approvalIn(event) ?? []);
    for (const { at, record } of judged) this.#versions.add(at, record);
    for (const mapping of mappings) this.#summary.addVerdict(mapping);
    for (const incident of incidents) this.#summary.addIncident(incident);
    for (const approval of approvals) this.#summary.addApproval(approval);
    return { mappings, incidents, approvals };
  }

  async #checkpoints(first: number, last: number): Promise<DescribedFile & { name: EvidenceFile }> {
    const file = await GrowingFile.in(this.folder, 'checkpoints.ndjson');
    const signed = await this.audit.checkpoints.of(this.wanted.tenantId, first);
    await file.add(
      signed
        .filter(({ position }) => position <= last)
        .map(({ position, hash, signedAt, keyId, signature }): EvidenceCheckpoint => ({
          position,
          hash: hash.toString('hex'),
          signed_at: signedAt.toISOString(),
          key_id: keyId,
          signature: signature.toString('base64'),
        })),
    );
    return file.end();
  }

  #document(name: EvidenceFile, document: object) {
    return GrowingFile.of(this.folder, name, document);
  }

  /** Rows are dated when their transaction began: at its ends a stretch may hold some of a moment before or after. */
  #isInPeriod(at: string): boolean {
    return at >= this.wanted.from && at < this.wanted.to;
  }
}

function eventOf({ record, digest, microseconds, verbatim }: SealedRow): EvidenceEvent {
  const { position, previous_hash, hash, record: written, ...rest } = record;
  return {
    ...rest,
    microseconds,
    record: written,
    verbatim,
    position: position!,
    digest,
    previous_hash: previous_hash!,
    hash: hash!,
  };
}

function factsOf({ id: framework, controls }: Framework, knowledge: Knowledge): FrameworkFacts {
  const prefix = `${framework}:`;
  const ofIt = ({ all }: { readonly all: ReadonlySet<string> }) =>
    new Set([...all].flatMap((one) => (one.startsWith(prefix) ? [one.slice(prefix.length)] : [])));
  return {
    controls,
    references: new Map([...knowledge.references].map(([category, wanted]) => [category, ofIt(wanted)])),
    replacements: knowledge.replacements,
  };
}
