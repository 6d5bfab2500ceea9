import type { Db } from './database';

export interface StoredBundle {
  readonly digest: string;
  readonly tenantId: string;
  readonly bundle: string;
  readonly version: string;
  readonly document: Buffer;
}

/** Bundles by digest, so that every worker can decide as the facade did that planned (design.md 2). */
export class PolicyBundles {
  constructor(private readonly db: Db) {}

  async save(bundles: readonly StoredBundle[]): Promise<void> {
    if (bundles.length === 0) return;
    await this.db
      .insertInto('policy_bundle')
      .values(
        bundles.map(({ digest, tenantId, bundle, version, document }) => ({
          digest,
          tenant_id: tenantId,
          bundle,
          version,
          document,
        })),
      )
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }

  async document(digest: string): Promise<Buffer | null> {
    const row = await this.db
      .selectFrom('policy_bundle')
      .select('document')
      .where('digest', '=', digest)
      .executeTakeFirst();
    return row?.document ?? null;
  }
}
