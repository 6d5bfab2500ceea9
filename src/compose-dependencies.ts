import type { NativeConnection } from '@temporalio/worker';
import { sql } from 'kysely';
import { dependencyStates } from './api/dependency-states';
import type { DependencyName } from './contract/health';
import type { DetectorHttpClient } from './detectors/http-client';
import type { Db } from './store/database';

interface Dependencies {
  readonly connection: NativeConnection;
  readonly db: Db;
  readonly redis: { readonly client: { ping(): Promise<unknown> } } | null;
  readonly policies: { readonly active: () => readonly unknown[] };
  readonly http: DetectorHttpClient;
  readonly mapperUrl: string;
}

const mapperItself = { detector: 'mapper', call: { auth_type: 'none', auth_config: {} } } as const;

/** How to find out whether what the facade needs is there. */
export function composeDependencies({ connection, db, redis, policies, http, mapperUrl }: Dependencies) {
  return dependencyStates({
    workflow_engine: async () =>
      void (await connection.withDeadline(Date.now() + 1000, () =>
        connection.workflowService.getSystemInfo({}),
      )),
    store: async () => void (await sql`select 1`.execute(db)),
    cache: redis === null ? null : async () => void (await redis.client.ping()),
    policy_engine: () =>
      policies.active().length > 0 ? Promise.resolve() : Promise.reject(new Error('no bundle')),
    mapper: async () => {
      if (!(await http.probe(new URL('/health', mapperUrl).href, mapperItself, 1000)))
        throw new Error('no answer');
    },
  } satisfies Record<DependencyName, (() => Promise<void>) | null>);
}
