import { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import type { ConclaveOptions } from './conclave-process';
import type { Settings } from './contract/config';
import { ownNamespaces } from './domain/tenant-namespaces';
import type { Db } from './store/database';
import type { KeyRing } from './store/key-ring';
import { createDataConverter, type PayloadReader } from './store/payload-codec';
import { RunGateway } from './submission/run-gateway';
import { TenantClients } from './submission/tenant-clients';
import type { Logger } from './telemetry/logger';
import { installRuntime } from './telemetry/temporal-logger';

/** The part of the composition root that connects to the engine; facade and worker share the connection (eager start). */
export async function composeTemporal(parts: {
  readonly settings: Settings;
  readonly servers: ConclaveOptions['servers'];
  readonly db: Db;
  readonly keys: KeyRing;
  readonly payloads: PayloadReader;
  readonly log: Logger;
}) {
  const { settings, servers, db, keys, payloads, log } = parts;
  const { namespace, task_queue: taskQueue, api_key: apiKey, tls } = settings.workflow;
  installRuntime(log);
  const connection = await NativeConnection.connect({
    address: servers.temporalAddress,
    tls,
    // Payloads are encrypted; squeezing them again costs both sides and gains nothing.
    grpcCompression: { codec: 'none' },
    ...(apiKey === null ? {} : { apiKey }),
  });
  const dataConverter = createDataConverter(db, keys);
  const clients = new TenantClients(
    settings.workflow,
    (name) => new Client({ connection, namespace: name, dataConverter }),
  );
  return {
    connection,
    clients,
    /** For work of the installation. */
    client: clients.main,
    gateway: new RunGateway(clients, taskQueue, payloads),
    namespace,
    ownNamespaces: ownNamespaces(settings.workflow),
    taskQueue,
    dataConverter,
  };
}
