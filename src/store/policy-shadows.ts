import { type Selectable, sql } from 'kysely';
import type { Shadow } from '../contract/shadow';
import { type SimulationReport, simulationReportSchema } from '../contract/simulation-report';
import { recordAudit } from './audit-log';
import { asTenant, type Db } from './database';
import type { KeyRing } from './key-ring';
import { notify, type Notifications } from './notifications';
import { Revisions } from './revisions';
import type { PolicyShadowTable } from './schema-policies';

const lockId = 0x53484457;

/** Of a shadow, beside its report. */
export interface Missed {
  readonly dropped: number;
  readonly failed: number;
}

export interface ShadowFigures {
  readonly missed: Missed;
  /** Null: nothing has been counted. */
  readonly report: SimulationReport | null;
}

export interface ShadowChange {
  readonly by: string;
  readonly requestId: string;
  readonly correlationId: string;
}

type ShadowRow = Pick<
  Selectable<PolicyShadowTable>,
  | 'tenant_id'
  | 'policy_bundle'
  | 'shadow_id'
  | 'version'
  | 'digest'
  | 'percent'
  | 'started_at'
  | 'started_by'
  | 'expires_at'
  | 'ended_at'
>;

/** Table `policy_shadow`: a row for each bundle, the last of its shadows. */
export class PolicyShadows {
  readonly #revisions: Revisions<ShadowRow>;

  constructor(
    private readonly db: Db,
    private readonly keys: Pick<KeyRing, 'encryptFor' | 'decryptFor'>,
    notifications: Pick<Notifications, 'ask'>,
  ) {
    this.#revisions = new Revisions(
      notifications,
      `select tenant_id, policy_bundle, shadow_id, version, digest, percent, started_at, started_by, expires_at,
              ended_at, revision
       from policy_shadow where revision > $1`,
      lockId,
    );
  }

  /** Shadows that have begun or were ended since it was asked last; at first all of them. */
  async news(): Promise<readonly Shadow[]> {
    return (await this.#revisions.news()).map(toShadow);
  }

  /** In the place of the bundle's last one, with nothing counted. */
  async begin(shadow: Shadow, change: ShadowChange): Promise<void> {
    const db = asTenant(this.db, shadow.tenantId);
    await db.transaction().execute(async (tx) => {
      await this.#revisions.takeTurn(tx);
      const row = {
        shadow_id: shadow.shadowId,
        version: shadow.version,
        digest: shadow.digest,
        percent: shadow.percent,
        started_at: shadow.startedAt,
        started_by: shadow.startedBy,
        expires_at: shadow.expiresAt,
        ended_at: null,
        revision: nextRevision,
        dropped: 0,
        failed: 0,
        report: null,
      };
      await tx
        .insertInto('policy_shadow')
        .values({ tenant_id: shadow.tenantId, policy_bundle: shadow.bundle, ...row })
        .onConflict((conflict) => conflict.columns(['tenant_id', 'policy_bundle']).doUpdateSet(row))
        .execute();
      await putOnRecord(tx, shadow, 'begin', change);
    });
  }

  /** One that has ended stays as it is. */
  async end(shadow: Shadow, change: ShadowChange): Promise<void> {
    const db = asTenant(this.db, shadow.tenantId);
    await db.transaction().execute(async (tx) => {
      await this.#revisions.takeTurn(tx);
      const { numUpdatedRows } = await tx
        .updateTable('policy_shadow')
        .set({ ended_at: new Date(), revision: nextRevision })
        .where('shadow_id', '=', shadow.shadowId)
        .where('ended_at', 'is', null)
        .executeTakeFirstOrThrow();
      if (numUpdatedRows > 0n) await putOnRecord(tx, shadow, 'end', change);
    });
  }

  /** What has been counted; null when another shadow has taken its place. */
  async figures({ shadowId, tenantId }: Shadow): Promise<ShadowFigures | null> {
    const row = await asTenant(this.db, tenantId)
      .selectFrom('policy_shadow')
      .select(['dropped', 'failed', 'report'])
      .where('shadow_id', '=', shadowId)
      .executeTakeFirst();
    return row ? this.#figuresIn(tenantId, shadowId, row) : null;
  }

  /** Counts what a process has counted, one after the other. Of a shadow that was replaced nothing is kept. */
  async add(
    { shadowId, tenantId }: Shadow,
    missed: Missed,
    count: (report: SimulationReport | null) => SimulationReport,
  ): Promise<void> {
    const db = asTenant(this.db, tenantId);
    await db.transaction().execute(async (tx) => {
      const row = await tx
        .selectFrom('policy_shadow')
        .select(['dropped', 'failed', 'report'])
        .where('shadow_id', '=', shadowId)
        .forUpdate()
        .executeTakeFirst();
      if (!row) return;
      const before = await this.#figuresIn(tenantId, shadowId, row);
      const report = Buffer.from(JSON.stringify(count(before.report)));
      await tx
        .updateTable('policy_shadow')
        .set({
          dropped: before.missed.dropped + missed.dropped,
          failed: before.missed.failed + missed.failed,
          report: await this.keys.encryptFor(tenantId, report, contextOf(shadowId)),
        })
        .where('shadow_id', '=', shadowId)
        .execute();
    });
  }

  async #figuresIn(
    tenantId: string,
    shadowId: string,
    { dropped, failed, report }: Pick<Selectable<PolicyShadowTable>, 'dropped' | 'failed' | 'report'>,
  ): Promise<ShadowFigures> {
    const missed = { dropped: Number(dropped), failed: Number(failed) };
    if (report === null) return { missed, report: null };
    const bytes = await this.keys.decryptFor(tenantId, report, contextOf(shadowId));
    return { missed, report: simulationReportSchema.parse(JSON.parse(bytes.toString())) };
  }
}

const nextRevision = sql<string>`nextval('policy_shadow_revision')`;

function contextOf(shadowId: string): string {
  return `policy_shadow/${shadowId}`;
}

function toShadow(row: ShadowRow): Shadow {
  return {
    shadowId: row.shadow_id,
    tenantId: row.tenant_id,
    bundle: row.policy_bundle,
    version: row.version,
    digest: row.digest,
    percent: row.percent,
    startedAt: row.started_at,
    startedBy: row.started_by,
    expiresAt: row.expires_at,
    endedAt: row.ended_at,
  };
}

async function putOnRecord(
  tx: Db,
  { tenantId, shadowId, bundle, version, percent, expiresAt }: Shadow,
  action: 'begin' | 'end',
  { by, requestId, correlationId }: ShadowChange,
): Promise<void> {
  await recordAudit(tx, {
    tenant_id: tenantId,
    request_id: requestId,
    kind: 'policy_shadow',
    record: {
      correlation_id: correlationId,
      action,
      by,
      shadow_id: shadowId,
      policy: bundle,
      version,
      percent,
      expires_at: expiresAt.toISOString(),
    },
  });
  await notify(tx, { kind: 'shadows_changed' });
}
