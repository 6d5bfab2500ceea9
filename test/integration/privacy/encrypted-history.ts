import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Payload } from '@temporalio/common';
import type { History } from '@temporalio/common/lib/proto-utils';
import { openDatabase } from '../../../src/store/database';
import { KeyRing } from '../../../src/store/key-ring';
import { MasterKeys } from '../../../src/store/master-keys';
import { PayloadReader } from '../../../src/store/payload-codec';
import { incompressible } from '../../support/incompressible';
import { type System, testServers } from '../../support/system';

export const token = 'a-codec-token-of-this-test';
export const secret = 'the caller said something confidential';
export const large = incompressible(50_000);

const textOf = (payload: Payload, key: string): string =>
  Buffer.from(payload.metadata?.[key] ?? []).toString();
export const encodingOf = (payload: Payload): string => textOf(payload, 'encoding');
export function historyOf(system: System, runId: string): Promise<History> {
  return system.temporal.workflow.getHandle(runId).fetchHistory();
}

export async function blobsOf(system: System, runId: string): Promise<Buffer[]> {
  const { rows } = await system.db.query<{ payload: Buffer }>('select payload from blob where run_id = $1', [
    runId,
  ]);
  return rows.map((row) => row.payload);
}

/** Reads like a process of Conclave that has just started: with the master key, and nothing in memory. */
export async function withFreshReader<T>(
  system: System,
  use: (reader: PayloadReader) => Promise<T>,
): Promise<T> {
  const url = new URL(testServers().databaseUrl);
  url.pathname = `/${system.database}`;
  const db = openDatabase(url.href, 2);
  try {
    return await use(new PayloadReader(db, new KeyRing(db, new MasterKeys(() => [masterKeyOf(system)]))));
  } finally {
    await db.destroy();
  }
}

export function masterKeyOf(system: System): Buffer {
  return Buffer.from(readFileSync(path.join(system.dataDir, 'keys', 'master.key'), 'utf8'), 'base64');
}

export function inputOf(history: History): Payload {
  return history.events![0]!.workflowExecutionStartedEventAttributes!.input!.payloads![0]!;
}

export const toWire = (payload: Payload): object => ({
  metadata: Object.fromEntries(
    Object.entries(payload.metadata ?? {}).map(([key, value]) => [
      key,
      Buffer.from(value).toString('base64'),
    ]),
  ),
  data: Buffer.from(payload.data ?? []).toString('base64'),
});

export interface Decoded {
  readonly payloads: readonly { readonly metadata: Record<string, string>; readonly data: string }[];
}

export async function decode(system: System, payloads: readonly Payload[]) {
  const answer = await system.request<Decoded>(
    'POST',
    '/codec/decode',
    { payloads: payloads.map(toWire) },
    { Authorization: `Bearer ${token}` },
  );
  return {
    status: answer.status,
    values: answer.body.payloads?.map(
      ({ data }) => JSON.parse(Buffer.from(data, 'base64').toString()) as unknown,
    ),
  };
}
