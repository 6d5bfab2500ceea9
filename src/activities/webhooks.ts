import { setTimeout as delay } from 'node:timers/promises';
import type { WaitingEvent } from '../contract/endpoint-health';

/** What is still to be told, each for one process at a time. */
export interface EventOutbox {
  /** Takes some whose time has come, for a while. */
  take(limit: number): Promise<readonly WaitingEvent[]>;
  /** It was delivered, or is given up. */
  settle(eventId: string): Promise<void>;
  postpone(eventId: string, ms: number): Promise<void>;
}

export interface WebhookDependencies {
  readonly outbox: EventOutbox;
  /** Null: without a secret nothing is sent. */
  readonly post:
    | ((
        message: { readonly id: string; readonly url: string; readonly body: string },
        stopping: AbortSignal,
      ) => Promise<'delivered' | 'later' | 'refused'>)
    | null;
  readonly log: { warn(fields: object, message: string): void };
}

const tickMs = 500;
const batch = 10;
/** Before each repetition; then it is given up. */
const waitsMs = [1000, 2000, 4000, 8000, 16_000];

/**
 * Tells webhooks what has changed, signed by the Standard Webhooks scheme. What is not delivered stays in the outbox, so no
 * restart loses it; a receiver may hear one event twice, under one id.
 */
export class Webhooks {
  constructor(private readonly deps: WebhookDependencies) {}

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.deliver(signal).catch((error: unknown) => {
        if (!signal.aborted) this.deps.log.warn({ error }, 'webhooks wait for the store');
      });
      await delay(tickMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One round. */
  async deliver(signal: AbortSignal): Promise<void> {
    const events = await this.deps.outbox.take(batch);
    await Promise.all(events.map((event) => this.#deliverOne(event, signal)));
  }

  async #deliverOne(event: WaitingEvent, signal: AbortSignal): Promise<void> {
    const { post } = this.deps;
    if (post === null) {
      this.deps.log.warn(
        { event_id: event.event_id },
        'a webhook is not told: security.webhook_secret is not set',
      );
      return this.deps.outbox.settle(event.event_id);
    }
    const { event_id: id, url, body } = event;
    const outcome = await post({ id, url, body }, signal);
    if (outcome === 'delivered') return this.deps.outbox.settle(event.event_id);
    const wait = waitsMs[event.attempts];
    if (outcome === 'later' && wait !== undefined) return this.deps.outbox.postpone(event.event_id, wait);
    this.deps.log.warn({ event_id: event.event_id, attempts: event.attempts + 1 }, 'a webhook is given up');
    return this.deps.outbox.settle(event.event_id);
  }
}
