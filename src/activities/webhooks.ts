import { setTimeout as delay } from 'node:timers/promises';
import { Webhook } from 'standardwebhooks';
import { type Dispatcher, request } from 'undici';
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
  readonly secret: string | null;
  /** Opens connections to allowed targets only. */
  readonly dispatcherFor: (url: string) => Dispatcher;
  readonly log: { warn(fields: object, message: string): void };
}

const tickMs = 500;
const batch = 10;
const timeoutMs = 5000;
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
    const { secret } = this.deps;
    if (secret === null) {
      this.deps.log.warn(
        { event_id: event.event_id },
        'a webhook is not told: security.webhook_secret is not set',
      );
      return this.deps.outbox.settle(event.event_id);
    }
    const outcome = await this.#post(event, secret, signal);
    if (outcome === 'delivered') return this.deps.outbox.settle(event.event_id);
    const wait = waitsMs[event.attempts];
    if (outcome === 'later' && wait !== undefined) return this.deps.outbox.postpone(event.event_id, wait);
    this.deps.log.warn({ event_id: event.event_id, attempts: event.attempts + 1 }, 'a webhook is given up');
    return this.deps.outbox.settle(event.event_id);
  }

  async #post(
    { event_id: id, url, body }: WaitingEvent,
    secret: string,
    stopping: AbortSignal,
  ): Promise<'delivered' | 'later' | 'refused'> {
    const at = new Date();
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign(id, at, body),
    };
    try {
      const signal = AbortSignal.any([stopping, AbortSignal.timeout(timeoutMs)]);
      const { statusCode, body: answer } = await request(url, {
        method: 'POST',
        headers,
        body,
        signal,
        dispatcher: this.deps.dispatcherFor(url),
      });
      await answer.dump({ limit: 64 * 1024, signal });
      if (statusCode >= 200 && statusCode < 300) return 'delivered';
      const mayHelp = statusCode >= 500 || statusCode === 408 || statusCode === 429;
      return mayHelp ? 'later' : 'refused';
    } catch {
      return 'later';
    }
  }
}
