import { sql } from 'kysely';
import {
  type BundleHead,
  bundleHeadSchema,
  bundleStateSchema,
  type ChangedHead,
  type PolicyCommit,
  type StoredState,
} from '../contract/policy-store';
import { recordAudit } from './audit-log';
import type { Db } from './database';
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
    const row = await this.db
      .selectFrom('policy_state')
      .select(['state', 'revision'])
      .where('tenant_id', '=', tenantId)
      .where('bundle', '=', bundle)
      .executeTakeFirst();
    return row ? { state: bundleStateSchema.parse(row.state), revision: row.revision } : null;
  }

  async commit(change: PolicyCommit): Promise<'committed' | 'stale'> {
    const { tenantId, bundle } = change;
    return this.db.transaction().execute(async (tx) => {
      await this.#revisions.takeTurn(tx);
      const before = await tx
        .selectFrom('policy_state')
        .select('revision')
        .where('tenant_id', '=', tenantId)
        .where('bundle', '=', bundle)
        .executeTakeFirst();
      if ((before?.revision ?? null) !== change.expectedRevision) return 'stale';
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

class StaleError extends Error {}

/** For a store outside the database: its write, the audit record and the word to the other processes, together. */
export function recordingPolicyChanges(db: Db) {
  return async (
    change: PolicyCommit,
    write: () => Promise<'committed' | 'stale'>,
  ): Promise<'committed' | 'stale'> => {
    try {
      return await db.transaction().execute(async (tx) => {
        await putOnRecord(tx, change);
        if ((await write()) === 'stale') throw new StaleError();
        return 'committed' as const;
      });
    } catch (error) {
      if (error instanceof StaleError) return 'stale';
      throw error;
    }
  };
}

async function putOnRecord(tx: Db, { tenantId, requestId, record }: PolicyCommit): Promise<void> {
  await recordAudit(tx, { tenant_id: tenantId, request_id: requestId, kind: 'policy_change', record });
  await notify(tx, { kind: 'policies_changed' });
}
