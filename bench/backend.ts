import { join } from 'node:path';
import { Client } from 'pg';
import { freePort } from '../src/embedded/ports';
import { startPostgres } from '../src/embedded/postgres-server';
import { startTemporal } from '../src/embedded/temporal-server';
import { resolveTool } from '../src/embedded/tools';
import type { Stage } from './stage';
import { startTemporalOnPostgres } from './temporal-postgres';

/** `embedded`: the servers of `npm start`; `postgres`: one PostgreSQL for all, and a Temporal server that keeps its data there. */
export const backendNames = ['embedded', 'postgres'] as const;
export type BackendName = (typeof backendNames)[number];

/** The servers that all who are measured share. */
export interface Backend {
  /** host:port */
  temporal: string;
  /** Address of a database of its own for a Conclave; null: it shall run a PostgreSQL itself. */
  databaseFor(name: string): Promise<string | null>;
}

export interface BackendOptions {
  backend: BackendName;
  /** host:port of a running Temporal server to use instead. */
  temporal?: string;
  log: (line: string) => void;
}

export async function startBackend(stage: Stage, options: BackendOptions): Promise<Backend> {
  if (options.backend === 'postgres') return onPostgres(stage, options);
  return {
    temporal: options.temporal ?? (await temporalOnFile(stage, options.log)),
    databaseFor: () => Promise.resolve(null),
  };
}

/** Temporal as `npm start` has it. */
async function temporalOnFile(stage: Stage, log: (line: string) => void): Promise<string> {
  const server = await startTemporal({
    binary: await resolveTool('temporal', log),
    dataDir: join(stage.directory, 'temporal'),
    port: await freePort(),
    uiPort: null,
    log,
  });
  stage.onStrike(() => server.stop());
  return server.address;
}

async function onPostgres(stage: Stage, { temporal, log }: BackendOptions): Promise<Backend> {
  const postgres = await startPostgres({
    dataDir: join(stage.directory, 'postgres'),
    port: await freePort(),
    log,
  });
  stage.onStrike(() => postgres.stop());
  const database = async (name: string): Promise<URL> => {
    const client = new Client({ connectionString: postgres.url });
    await client.connect();
    try {
      await client.query(`create database ${client.escapeIdentifier(name)}`);
    } finally {
      await client.end();
    }
    const url = new URL(postgres.url);
    url.pathname = `/${name}`;
    return url;
  };
  return {
    temporal: temporal ?? (await startTemporalOnPostgres(stage, database, log)),
    databaseFor: async (name) => (await database(`bench_${name}`)).href,
  };
}
