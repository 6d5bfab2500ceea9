import { sql } from 'kysely';
import {
  type BundleHead,
  bundleHeadSchema,
  bundleStateSchema,
  type ChangedHead,
  type CommitOutcome,
  type PolicyCommit,
  type StoredState,
} from '../contract/policy-store';
import { recordAudit } from './audit-log';
import { asTenant, type Db } from './database';
import { notify, type Notifications } from './notifications';
import { PolicyBundles } from './policy-bundles';
import { Revisions } from './revisions';

const lockId = 0x504f4c49;

/** Table `policy_state`: versions of policies in PostgreSQL, a row for each bundle; documents are in `policy_bundle`. */
export class PolicyStates {
  readonly kind = 'postgres';
  readonly #revisions: Revisions<{ tenant_id: string; bundle: string; head: BundleHead }>;
  readonly #documents: PolicyBundles;

  constructor(
    private readonly db: Db,
    notifications: Pick<Notifications, 'ask'>,
    /** Hears of a row that cannot be read; what was known of the bundle goes on. */
    private readonly unreadable: (tenantId: string, bundle: string, error: unknown) => void,
  ) {
    this.#documents = new PolicyBundles(db);
    this.#revisions = new Revisions(
      notifications,
      'select tenant_id, bundle, head, revision from policy_state where revision > $1',
      lockId,
    );
  }

  async read(tenantId: string, bundle: string): Promise<StoredState | null> {
    const row = await asTenant(this.db, tenantId)
      .selectFrom('policy_state')
      .select(['state', 'revision'])
      .where('tenant_id', '=', tenantId)
      .where('bundle', '=', bundle)
      .executeTakeFirst();
    return row ? { state: bundleStateSchema.parse(row.state), revision: row.revision } : null;
  }

  async commit(change: PolicyCommit): Promise<CommitOutcome> {
    const { tenantId, bundle } = change;
    const db = asTenant(this.db, tenantId);
    return db.transaction().execute(async (tx) => {
      await this.#revisions.takeTurn(tx);
      const before = await tx
        .selectFrom('policy_state')
        .select('revision')
        .where('tenant_id', '=', tenantId)
        .where('bundle', '=', bundle)
        .executeTakeFirst();
      if ((before?.revision ?? null) !== change.expectedRevision) return 'stale';
      if (await isFull(tx, change)) return 'full';
      await new PolicyBundles(tx).save(
        change.documents.map((document) => ({ ...document, tenantId, bundle })),
      );
      const row = {
        revision: sql<string>`nextval('policy_revision')`,
        state: JSON.stringify(change.state),
        head: JSON.stringify(change.head),
      };
      await tx
        .insertInto('policy_state')
        .values({ tenant_id: tenantId, bundle, ...row })
        .onConflict((conflict) => conflict.columns(['tenant_id', 'bundle']).doUpdateSet(row))
        .execute();
      await putOnRecord(tx, change);
      return 'committed';
    });
  }

  async news(): Promise<readonly ChangedHead[]> {
    const rows = await this.#revisions.news();
    return rows.flatMap(({ tenant_id: tenantId, bundle, head }) => {
      const parsed = bundleHeadSchema.safeParse(head);
      if (parsed.success) return [{ tenantId, bundle, head: parsed.data }];
      this.unreadable(tenantId, bundle, parsed.error);
      return [];
    });
  }

  document(digest: string): Promise<Buffer | null> {
    return this.#documents.document(digest);
  }
}

async function isFull(tx: Db, { tenantId, bundle, maxBundles }: PolicyCommit): Promise<boolean> {
  if (maxBundles === undefined) return false;
  const { others } = await tx
    .selectFrom('policy_state')
    .select(({ fn }) => fn.countAll<string>().as('others'))
    .where('tenant_id', '=', tenantId)
    .where('bundle', '<>', bundle)
    .where(sql<boolean>`not (head->>'deleted')::boolean`)
    .executeTakeFirstOrThrow();
  return Number(others) >= maxBundles;
}

class Refused extends Error {
  constructor(readonly outcome: CommitOutcome) {
    super(outcome);
  }
}

/** For a store outside the database: its write, the audit record and the word to the other processes, together. */
export function recordingPolicyChanges(db: Db) {
  return async (change: PolicyCommit, write: () => Promise<CommitOutcome>): Promise<CommitOutcome> => {
    try {
      const own = asTenant(db, change.tenantId);
      return await own.transaction().execute(async (tx) => {
        // Whoever counts the bundles is the only one who adds some.
        if (change.maxBundles !== undefined) await sql`select pg_advisory_xact_lock(${lockId})`.execute(tx);
        await putOnRecord(tx, change);
        const outcome = await write();
        if (outcome !== 'committed') throw new Refused(outcome);
        return outcome;
      });
    } catch (error) {
      if (error instanceof Refused) return error.outcome;
      throw error;
    }
  };
}

async function putOnRecord(tx: Db, { tenantId, requestId, record }: PolicyCommit): Promise<void> {
  await recordAudit(tx, { tenant_id: tenantId, request_id: requestId, kind: 'policy_change', record });
  await notify(tx, { kind: 'policies_changed' });
}
