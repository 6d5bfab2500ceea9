import { setTimeout as delay } from 'node:timers/promises';
import { type Connection, isGrpcServiceError } from '@temporalio/client';
import type { Settings } from '../contract/config';
import { allNamespaces } from '../domain/tenant-namespaces';
import { SetupError } from '../embedded/setup-error';
import { prepareNamespace, unpreparedPart } from '../embedded/temporal-namespace';
import { migrate } from '../store/migrations';
import { assertDatabaseAnswers, connectTemporal, externalServers } from './external-servers';

/** A Temporal server shows a new namespace and its search attributes only after its caches were renewed. */
const visibleWithinMs = 60_000;
const pollMs = 250;

/**
 * Prepares the servers that the settings name: tables, Temporal namespaces, retention, search attributes. Changes only
 * what is missing, so it may run before every rollout.
 * @throws SetupError when a server is not named, does not answer or stays unprepared
 */
export async function setUp(settings: Settings, say: (line: string) => void): Promise<void> {
  const { databaseUrl, temporalAddress } = externalServers(settings);
  await assertDatabaseAnswers(databaseUrl);
  await migrate(databaseUrl);
  say('the tables are there');

  const connection = await connectTemporal(settings, temporalAddress);
  try {
    for (const namespace of allNamespaces(settings.workflow)) {
      await untilPrepared(connection, namespace);
      say(`Temporal's namespace ${namespace} is prepared`);
    }
  } finally {
    await connection.close();
  }
}

async function untilPrepared(connection: Connection, namespace: string): Promise<void> {
  const giveUpAt = Date.now() + visibleWithinMs;
  for (;;) {
    const lacking = await prepareOnce(connection, namespace);
    if (lacking === null) return;
    if (Date.now() > giveUpAt) {
      throw new SetupError(
        `Temporal's namespace ${namespace} could not be prepared: ${lacking}.`,
        `create it with the tools of that server, with the search attributes of temporal/search-attributes.yaml`,
      );
    }
    await delay(pollMs);
  }
}

async function prepareOnce(connection: Connection, namespace: string): Promise<string | null> {
  try {
    await prepareNamespace(connection, namespace);
    await connection.workflowService.countWorkflowExecutions({ namespace, query: `Tenant = 'none'` });
    return await unpreparedPart(connection, namespace);
  } catch (error) {
    if (!isGrpcServiceError(error)) throw error;
    return error.details;
  }
}
