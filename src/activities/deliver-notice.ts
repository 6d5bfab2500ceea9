import { ApplicationFailure } from '@temporalio/activity';
import type { PausePoint } from '../config/pause-point';
import type {
  NoticeActivities,
  NoticeChannel,
  NoticeEnd,
  NoticeFault,
  NoticeMessage,
  Notifier,
} from '../contract/notices';
import { worded } from '../domain/notice-text';
import type { NoticeAttempt, Notices } from '../store/notices';

export interface NoticeDependencies {
  readonly notices: Pick<Notices, 'begin' | 'settle' | 'postpone'>;
  /** Null: the settings have taken it out. */
  readonly notifiers: Readonly<Record<NoticeChannel, Notifier | null>>;
  readonly environment: string;
  /** Before each repetition. */
  readonly retrySeconds: readonly number[];
  readonly random: () => number;
  readonly told: (channel: NoticeChannel, result: 'delivered' | 'failed' | 'retried') => void;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  readonly pause: PausePoint;
}

/** Of the wait, so that what failed together is not repeated together. */
const jitter = 0.1;
/** What no repetition changes. */
const final: readonly NoticeFault[] = ['refused', 'not_configured'];

/** What the workflow that tells one recipient asks of the world (contract/notices.ts). */
export function createNoticeActivities(deps: NoticeDependencies): NoticeActivities {
  return {
    async deliverNotice(delivery): Promise<NoticeEnd> {
      const { notice_id: id } = delivery;
      const attempt = await deps.notices.begin(delivery);
      if (!attempt) return 'gone';
      const { channel, number } = attempt;
      const notifier = deps.notifiers[channel];
      const fault = notifier
        ? await notifier.send(messageOf(id, attempt, deps.environment))
        : 'not_configured';
      await deps.pause('notified');
      const fields = { notice_id: id, channel, attempt: number };
      if (fault === null) {
        await deps.notices.settle(delivery, 'delivered', null);
        deps.told(channel, 'delivered');
        deps.log.info(fields, 'a notice was delivered');
        return 'delivered';
      }
      const planned = deps.retrySeconds[number - 1];
      if (planned === undefined || final.includes(fault)) {
        await deps.notices.settle(delivery, 'failed', fault);
        deps.told(channel, 'failed');
        deps.log.warn({ ...fields, fault }, 'a notice is given up');
        return 'failed';
      }
      const wait = planned * 1000 * (1 + jitter * deps.random());
      await deps.notices.postpone(delivery, wait, fault);
      deps.told(channel, 'retried');
      throw ApplicationFailure.create({
        message: `not delivered: ${fault}`,
        type: fault,
        nextRetryDelay: wait,
      });
    },

    async giveUpNotice(delivery): Promise<void> {
      await deps.notices.settle(delivery, 'failed', 'cancelled');
    },
  };
}

function messageOf(id: string, { to, notice }: NoticeAttempt, environment: string): NoticeMessage {
  return { id, to, notice, ...worded(notice, environment) };
}
