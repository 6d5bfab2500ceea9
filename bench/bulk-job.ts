import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { z } from 'zod';
import type { BundleName } from './bundles';
import { orchestrationOf } from './requests';
import { distinctTexts } from './texts';

const pollMs = 200;
/** Lines that go into one chunk of the upload. */
const linesAtOnce = 200;

const bulkSchema = z.looseObject({
  bulk_id: z.string(),
  status: z.string(),
  processed_items: z.int(),
  outcomes: z.looseObject({ completed: z.int() }),
  completed_at: z.string().nullable(),
});

export interface BulkResult {
  /** Items with a full verdict. */
  completed: number;
  /** Items with any outcome. */
  processed: number;
  /** From the first byte of the upload to the last outcome. */
  seconds: number;
  /** From the first byte of the upload to its 202. */
  uploadSeconds: number;
}

/**
 * One bulk job of `items` distinct contents, uploaded as NDJSON and followed to its end; canceled when it takes longer
 * than `limitMs`, and then as far as it came.
 */
export async function runBulk(
  origin: string,
  bundle: BundleName,
  items: number,
  limitMs: number,
): Promise<BulkResult> {
  const begun = performance.now();
  const seconds = () => (performance.now() - begun) / 1_000;
  const { bulk_id: id } = await ask(`${origin}/api/v1/orchestrate/bulk`, 'POST', upload(bundle, items));
  const uploadSeconds = seconds();
  const url = `${origin}/api/v1/orchestrate/bulk/${id}`;
  for (;;) {
    const { completed_at: completedAt, outcomes, processed_items: processed } = await ask(url, 'GET');
    if (completedAt !== null || performance.now() - begun > limitMs) {
      const result = { completed: outcomes.completed, processed, seconds: seconds(), uploadSeconds };
      if (completedAt === null) await ask(url, 'DELETE');
      return result;
    }
    await delay(pollMs);
  }
}

function upload(bundle: BundleName, items: number): Readable {
  const texts = distinctTexts();
  return Readable.from(
    (function* () {
      for (let sent = 0; sent < items; sent += linesAtOnce) {
        const lines = Array.from({ length: Math.min(linesAtOnce, items - sent) }, () =>
          JSON.stringify(orchestrationOf(texts.next().value, bundle)),
        );
        yield `${lines.join('\n')}\n`;
      }
    })(),
  );
}

async function ask(url: string, method: 'GET' | 'POST' | 'DELETE', body?: Readable) {
  const { statusCode, body: answer } = await request(url, {
    method,
    headers: { 'x-tenant-id': 'demo', ...(body && { 'content-type': 'application/x-ndjson' }) },
    body,
  });
  const text = await answer.text();
  if (statusCode >= 300)
    throw new Error(`${method} ${url} was answered ${statusCode}: ${text.slice(0, 500)}`);
  return bulkSchema.parse(JSON.parse(text));
}
