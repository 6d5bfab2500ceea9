import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
} from 'kysely';
import { type Db, TenantsDatabase } from '../../../src/store/database';

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
  const dialect: Dialect = {
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
  };
  return new TenantsDatabase(() => dialect, nothing);
}
