import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely';
import type { Db } from '../../../src/store/database';
import type { Database } from '../../../src/store/schema';

interface StoredTenantKey {
  readonly tenant_id: string;
  readonly version: number;
  /** Null: destroyed. */
  wrapped_key: Buffer | null;
  /** Null: from before keys said what they are wrapped by. */
  master_key_id: string | null;
}

/** Tables that the key ring and the claim check use, in memory. */
export class FakeDatabase {
  readonly tenantKeys: StoredTenantKey[] = [];
  masterKeyInUse: string | null = null;
  /** A wrapped key of null has been destroyed. */
  readonly runKeys = new Map<string, { tenant_id: string; wrapped_key: Buffer | null }>();
  readonly blobs = new Map<string, { blob_id: string; run_id: string; payload: Buffer }>();
  queries = 0;
  /** With what the next queries fail. */
  readonly failures: Error[] = [];

  readonly db: Db = new Kysely<Database>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => this.#driver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });

  #driver(): Driver {
    const nothing = (): Promise<void> => Promise.resolve();
    const connection = {
      executeQuery: async (query: CompiledQuery) => ({ rows: this.#answer(query) }),
      streamQuery: () => {
        throw new Error('streams are not needed');
      },
    } as DatabaseConnection;
    return {
      init: nothing,
      acquireConnection: () => Promise.resolve(connection),
      beginTransaction: nothing,
      commitTransaction: nothing,
      rollbackTransaction: nothing,
      releaseConnection: nothing,
      destroy: nothing,
    };
  }

  #answer({ sql, parameters }: CompiledQuery): unknown[] {
    this.queries += 1;
    const failure = this.failures.shift();
    if (failure) throw failure;
    const [first] = parameters as [string];
    if (sql.includes('pg_advisory_xact_lock')) return [];
    if (sql.startsWith('insert into "tenant_key"')) return this.#insertTenantKey(parameters);
    if (sql.includes('from "tenant_key"')) {
      const own = this.tenantKeys.filter((row) => row.tenant_id === first || !sql.includes('"tenant_id" ='));
      return own.toSorted((a, b) => a.version - b.version);
    }
    if (sql.startsWith('insert into "master_key"')) {
      this.masterKeyInUse ??= first;
      return [];
    }
    if (sql.includes('from "master_key"')) {
      return this.masterKeyInUse === null ? [] : [{ key_id: this.masterKeyInUse }];
    }
    if (sql.includes('from "run_key"')) return [this.runKeys.get(first)].filter((row) => row !== undefined);
    if (sql.startsWith('insert into "blob"')) {
      for (let at = 0; at < parameters.length; at += 3) {
        const [blob_id, run_id, payload] = parameters.slice(at, at + 3) as [string, string, Buffer];
        this.blobs.set(blob_id, { blob_id, run_id, payload });
      }
      return [];
    }
    if (sql.includes('from "blob"')) return parameters.flatMap((id) => this.blobs.get(id as string) ?? []);
    throw new Error(`no answer to: ${sql}`);
  }

  #insertTenantKey(parameters: readonly unknown[]): [] {
    const [tenant_id, version, wrapped_key, master_key_id] = parameters as [string, number, Buffer, string];
    if (!this.tenantKeys.some((row) => row.tenant_id === tenant_id && row.version === version)) {
      this.tenantKeys.push({ tenant_id, version, wrapped_key, master_key_id });
    }
    return [];
  }
}
