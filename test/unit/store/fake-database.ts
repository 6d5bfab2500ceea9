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

/** Tables that the key ring and the claim check use, in memory. */
export class FakeDatabase {
  readonly tenantKeys = new Map<string, Buffer>();
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
    const [first, second] = parameters as [string, Buffer];
    if (sql.startsWith('insert into "tenant_key"')) {
      if (!this.tenantKeys.has(first)) this.tenantKeys.set(first, second);
      return [];
    }
    if (sql.includes('from "tenant_key"')) return [{ wrapped_key: this.tenantKeys.get(first) }];
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
}
