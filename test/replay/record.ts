import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { type History, historyToJSON } from '@temporalio/common/lib/proto-utils';
import { openDatabase } from '../../src/store/database';
import { KeyRing } from '../../src/store/key-ring';
import { MasterKeys } from '../../src/store/master-keys';
import { PayloadReader } from '../../src/store/payload-codec';
import { eventually } from '../support/eventually';
import { mapPayloads } from '../support/payloads';
import { System, testServers } from '../support/system';
import { type Case, cases, installation } from './cases';

/*
 * Records the histories that replay.test.ts replays: `npm run record-histories [-- case…]` plays the cases on servers of
 * its own, reads each history, decodes its payloads (the content is synthetic, so that no key is needed to replay), takes
 * out what names this machine, and writes it to histories/<workflow>-<case>-<version>.json.
 *
 * Run it for each release, under its new version. What is recorded for a released version is never edited and never
 * recorded again: runs that began on it may still be open, and must replay on the code of today.
 */

const { version } = JSON.parse(readFileSync(path.resolve(__dirname, '..', '..', 'package.json'), 'utf8')) as {
  version: string;
};

async function record(names: readonly string[]): Promise<void> {
  const system = await System.start(installation);
  const url = new URL(testServers().databaseUrl);
  url.pathname = `/${system.database}`;
  const db = openDatabase(url.href, 2);
  const masters = MasterKeys.of({ configured: null, file: null, dataDir: system.dataDir });
  const reader = new PayloadReader(db, new KeyRing(db, masters));
  try {
    for (const each of cases) {
      const name = `${each.workflow}-${each.name}`;
      if (names.length > 0 && !names.includes(name)) continue;
      system.detectors.reset();
      const workflowId = await each.play(system);
      const history = await closedHistory(system, workflowId);
      const readable = withoutThisMachine(await mapPayloads(history, (payload) => decoded(reader, payload)));
      const json = { workflowId, history: JSON.parse(historyToJSON(readable)) as unknown };
      writeFileSync(fileOf(each), `${JSON.stringify(json)}\n`);
      console.error(`${name}: ${readable.events!.length} events`);
    }
  } finally {
    await db.destroy();
    await system.stop();
  }
}

function fileOf({ workflow, name }: Case): string {
  return path.join(__dirname, 'histories', `${workflow}-${name}-${version}.json`);
}

async function closedHistory(system: System, workflowId: string): Promise<History> {
  const handle = system.temporal.workflow.getHandle(workflowId);
  await eventually(
    () => handle.describe(),
    ({ status }) => status.name !== 'RUNNING',
  );
  return handle.fetchHistory();
}

/** Stacks of encoded failures name files of this machine. */
async function decoded(reader: PayloadReader, payload: Payload): Promise<Payload> {
  const [plain] = await reader.decode([payload]);
  if (!Buffer.from(plain!.data ?? []).includes('"stack_trace"')) return plain!;
  const attributes = defaultPayloadConverter.fromPayload<{ stack_trace: string }>(plain!);
  return defaultPayloadConverter.toPayload({ ...attributes, stack_trace: '' });
}

function withoutThisMachine<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  const object = value as Record<string, unknown>;
  for (const [key, inner] of Object.entries(object)) {
    if (key === 'identity') object[key] = 'recorder';
    else withoutThisMachine(inner);
  }
  return value;
}

void record(process.argv.slice(2)).then(
  () => process.exit(),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
