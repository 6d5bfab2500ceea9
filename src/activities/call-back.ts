import { ApplicationFailure } from '@temporalio/activity';
import type { CallbackActivities, CallbackDelivery, CallbackEnd } from '../contract/callback';
import type { CallbackFault } from '../contract/callback-state';
import type { PausePoint } from '../config/pause-point';
import type { Callbacks } from '../store/callbacks';

export interface CallbackDependencies {
  readonly callbacks: Pick<Callbacks, 'begin' | 'settle' | 'postpone'>;
  /** What is posted; null when the job is no longer kept. */
  readonly bodyOf: (callbackId: string) => Promise<Buffer | null>;
  readonly send: (message: {
    readonly tenantId: string;
    readonly id: string;
    readonly url: string;
    readonly body: Buffer;
  }) => Promise<{
    readonly status: number | null;
    readonly fault: CallbackFault | null;
    readonly retryAfterMs: number | null;
  }>;
  /** Before each repetition. */
  readonly retrySeconds: readonly number[];
  readonly random: () => number;
  readonly told: (result: 'delivered' | 'failed' | 'retried') => void;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  readonly pause: PausePoint;
}

/** Of the wait, so that what failed together is not repeated together. */
const jitter = 0.1;
/** A receiver that asks for more is asked again before the job is forgotten. */
const longestWaitMs = 6 * 60 * 60_000;
/** What no repetition changes. */
const final: readonly CallbackFault[] = ['receiver_gone', 'target_refused'];

/** What the workflow that calls back asks of the world (contract/callback.ts). */
export function createCallbackActivities(deps: CallbackDependencies): CallbackActivities {
  return {
    async deliverCallback(delivery): Promise<CallbackEnd> {
      const { callback_id: id, tenant_id: tenantId } = delivery;
      await deps.pause('callback_started');
      const attempt = await deps.callbacks.begin(delivery);
      const body = attempt && (await deps.bodyOf(id));
      if (!body) return 'gone';
      await deps.pause('calling_back');
      const {
        status: httpStatus,
        fault,
        retryAfterMs,
      } = await deps.send({ tenantId, id, url: attempt.url, body });
      await deps.pause('called_back');
      const result = { httpStatus, fault };
      if (fault === null) {
        await deps.callbacks.settle(delivery, 'delivered', result);
        await deps.pause('callback_settled');
        deps.told('delivered');
        deps.log.info({ callback_id: id, attempt: attempt.number }, 'a callback was delivered');
        return 'delivered';
      }
      const planned = deps.retrySeconds[attempt.number - 1];
      if (planned === undefined || final.includes(fault)) {
        await deps.callbacks.settle(delivery, 'failed', result);
        deps.told('failed');
        deps.log.warn({ callback_id: id, attempt: attempt.number, ...result }, 'a callback is given up');
        return 'failed';
      }
      const wait = Math.min(
        Math.max(planned * 1000 * (1 + jitter * deps.random()), retryAfterMs ?? 0),
        longestWaitMs,
      );
      await deps.callbacks.postpone(delivery, wait, result);
      deps.told('retried');
      throw ApplicationFailure.create({
        message: `not delivered: ${fault}${httpStatus === null ? '' : ` ${httpStatus}`}`,
        type: fault,
        nextRetryDelay: wait,
      });
    },

    async giveUpCallback(delivery: CallbackDelivery): Promise<void> {
      await deps.callbacks.settle(delivery, 'failed', { httpStatus: null, fault: 'cancelled' });
      deps.told('failed');
    },
  };
}
