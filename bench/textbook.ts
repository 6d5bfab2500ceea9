import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { serve } from './announce';
import { createDetectorClient } from './detector-client';
import { createService } from './service';
import type { judgeWorkflow } from './textbook-workflow';

/**
 * The rival as Temporal's documentation teaches it: a workflow of one regular activity per detector, whose result the
 * HTTP handler awaits. Worker and client keep their defaults; the worker lives in the process of the service.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      detectors: { type: 'string', default: 'http://127.0.0.1:8090' },
      temporal: { type: 'string', default: process.env.TEMPORAL_ADDRESS ?? '127.0.0.1:7233' },
      namespace: { type: 'string', default: process.env.TEMPORAL_NAMESPACE ?? 'default' },
    },
  });
  const { temporal: address, namespace } = values;
  const taskQueue = `bench-textbook-${randomUUID()}`;

  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const worker = await Worker.create({
    connection: await NativeConnection.connect({ address }),
    namespace,
    taskQueue,
    workflowsPath: join(__dirname, 'textbook-workflow.ts'),
    activities: { detect: createDetectorClient(values.detectors) },
  });
  worker.run().catch((error: unknown) => {
    console.error(`the textbook worker failed: ${String(error)}`);
    process.exit(1);
  });

  const client = new Client({ connection: await Connection.connect({ address }), namespace });
  const service = createService((content, detectors) =>
    client.workflow.execute<typeof judgeWorkflow>('judgeWorkflow', {
      taskQueue,
      workflowId: `bench-textbook-${randomUUID()}`,
      args: [{ content, detectors: [...detectors] }],
    }),
  );
  await serve(createServer(service));
}

void main();
