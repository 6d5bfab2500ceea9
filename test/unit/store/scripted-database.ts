import {
  type CompiledQuery,
  type DatabaseConnection,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely';
import type { Db } from '../../../src/store/database';
import type { Database } from '../../../src/store/schema';

/**
 * A database that answers as a test says; transactions leave no trace.
 * @param ended told how each of them has ended
 */
export function scriptedDb(
  answer: (query: CompiledQuery) => Promise<unknown[]> | unknown[],
  ended: (how: 'commit' | 'rollback') => void = () => undefined,
): Db {
  const nothing = (): Promise<void> => Promise.resolve();
  const connection = {
    executeQuery: async (query: CompiledQuery) => {
      const rows = await answer(query);
      return { rows, numAffectedRows: BigInt(rows.length) };
    },
  } as DatabaseConnection;
  return new Kysely<Database>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
      createDriver: () => ({
        init: nothing,
        acquireConnection: () => Promise.resolve(connection),
        beginTransaction: nothing,
        commitTransaction: () => Promise.resolve(ended('commit')),
        rollbackTransaction: () => Promise.resolve(ended('rollback')),
        releaseConnection: nothing,
        destroy: nothing,
      }),
    },
  });
}
