import { Connection } from '@temporalio/client';
import { Client as PgClient } from 'pg';
import type { Servers } from '../conclave-process';
import type { Settings } from '../contract/config';
import { allNamespaces } from '../domain/tenant-namespaces';
import { SetupError } from '../embedded/setup-error';
import { unpreparedPart } from '../embedded/temporal-namespace';

const connectTimeoutMs = 5000;

/** @throws SetupError when the settings name no database or no Temporal */
export function externalServers(settings: Settings): Servers {
  const { database, workflow, mapper, registry } = settings;
  const missing = [
    database.url === null ? 'ORCHESTRATION_DATABASE_URL' : null,
    workflow.address === null ? 'ORCHESTRATION_WORKFLOW__ADDRESS' : null,
  ].filter((name) => name !== null);
  if (database.url === null || workflow.address === null) {
    throw new SetupError(
      'This part runs against servers of its own, which are not named.',
      `set ${missing.join(' and ')}, or run everything here with: npm start`,
    );
  }
  return {
    databaseUrl: database.url,
    temporalAddress: workflow.address,
    builtinUrl: registry.builtin_url ?? `http://${registry.builtin_host}:${registry.builtin_port}`,
    mapperUrl: mapper.url ?? `http://${mapper.host}:${mapper.port}`,
    temporalWebOrigins: temporalWebOrigins(settings),
  };
}

/** Temporal Web beside an external server is looked for where `npm start` has its own. */
export function temporalWebOrigins({ workflow }: Settings): string[] {
  return ['127.0.0.1', 'localhost'].map((host) => `http://${host}:${workflow.embedded_ui_port}`);
}

/** @throws SetupError when the database does not let us in */
export async function assertDatabaseAnswers(url: string): Promise<void> {
  const { host } = new URL(url);
  const client = new PgClient({ connectionString: url, connectionTimeoutMillis: connectTimeoutMs });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    throw new SetupError(
      `PostgreSQL at ${host} does not let us in (${reasonOf(error)}).`,
      'start it, or correct ORCHESTRATION_DATABASE_URL',
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** @throws SetupError when Temporal does not answer or `conclave setup` has not prepared a namespace of it */
export async function assertTemporalPrepared(settings: Settings, address: string): Promise<void> {
  const connection = await connectTemporal(settings, address);
  try {
    for (const namespace of allNamespaces(settings.workflow)) {
      const lacking = await unpreparedPart(connection, namespace);
      if (lacking === null) continue;
      throw new SetupError(
        `Temporal at ${address} is not prepared: ${lacking}.`,
        'run once, with the same settings: npx conclave setup',
      );
    }
  } finally {
    await connection.close();
  }
}

/** @throws SetupError when Temporal does not answer */
export async function connectTemporal({ workflow }: Settings, address: string): Promise<Connection> {
  try {
    return await Connection.connect({
      address,
      tls: workflow.tls,
      connectTimeout: connectTimeoutMs,
      ...(workflow.api_key === null ? {} : { apiKey: workflow.api_key }),
    });
  } catch (error) {
    throw new SetupError(
      `Temporal at ${address} does not answer (${reasonOf(error)}).`,
      'start it, or correct ORCHESTRATION_WORKFLOW__ADDRESS',
    );
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason';
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : error.message;
}
