import { Webhook } from 'standardwebhooks';
import { request } from 'undici';
import type { DispatcherPools } from './dispatcher-pools';

export interface SignedMessage {
  /** The same at every attempt. */
  readonly id: string;
  readonly url: string;
  /** The bytes that are sent and signed. */
  readonly body: string;
}

/** `later`: it may be taken another time. */
export type PostOutcome = 'delivered' | 'later' | 'refused';
export type SignedPost = (message: SignedMessage, stopping?: AbortSignal) => Promise<PostOutcome>;

const timeoutMs = 5000;

/** Posts by the Standard Webhooks scheme. @param pools open connections to allowed targets only */
export function signedPost(secret: string, pools: Pick<DispatcherPools, 'dispatcherFor'>): SignedPost {
  return async ({ id, url, body }, stopping) => {
    const at = new Date();
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign(id, at, body),
    };
    try {
      const timeout = AbortSignal.timeout(timeoutMs);
      const signal = stopping ? AbortSignal.any([stopping, timeout]) : timeout;
      const dispatcher = pools.dispatcherFor({ id: `webhook ${new URL(url).host}` });
      const answer = await request(url, { method: 'POST', headers, body, signal, dispatcher });
      await answer.body.dump({ limit: 64 * 1024, signal });
      const { statusCode: status } = answer;
      if (status >= 200 && status < 300) return 'delivered';
      return status >= 500 || status === 408 || status === 429 ? 'later' : 'refused';
    } catch {
      return 'later';
    }
  };
}
