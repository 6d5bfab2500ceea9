import { once } from 'node:events';
import type { Response } from 'express';

export interface ServerEvent {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

const heartbeatMs = 15_000;
const retryMs = 2000;

/** Sends server-sent events until they end or nobody listens; the next is only asked for when the last has left. */
export async function sendEvents(response: Response, events: AsyncIterable<ServerEvent>): Promise<void> {
  response.status(200).set({
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store, no-transform',
    'X-Accel-Buffering': 'no',
  });
  response.write(`retry: ${retryMs}\n\n`);
  const heartbeat = setInterval(() => response.write(': still here\n\n'), heartbeatMs).unref();
  try {
    for await (const { id, event, data } of events) {
      if (response.destroyed) return;
      const flushed = response.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      if (!flushed) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
  } finally {
    clearInterval(heartbeat);
    response.end();
  }
}

/** Fires when the client has gone, or `stopping` does. */
export function untilGone(response: Response, stopping: AbortSignal): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return AbortSignal.any([gone.signal, stopping]);
}
