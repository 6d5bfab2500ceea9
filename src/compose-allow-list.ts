import type { AllowListRouterDependencies } from './api/allow-list-router';
import { AllowLists } from './policy/allow-list';
import { LiveAllowList } from './policy/live-allow-list';
import { AllowListEntries } from './store/allow-list-entries';
import type { Db } from './store/database';
import { hear, type Notifications } from './store/notifications';
import { whenCommitted } from './store/one-transaction';
import type { Logger } from './telemetry/logger';

/** The part of the composition root that keeps findings which are none, and has them count for nothing. */
export async function composeAllowList(parts: {
  readonly db: Db;
  readonly notifications: Notifications;
  readonly log: Logger;
}) {
  const { db, notifications, log } = parts;
  const now = Date.now;
  const entries = new AllowListEntries(db, notifications);
  const live = new LiveAllowList({
    news: () => entries.news(),
    onHint: (listener) => hear(notifications, 'allow_list_changed', listener),
    failed: (error) =>
      log.error({ error }, 'changes of allow-lists cannot be read; without them every finding counts'),
    now,
  });
  await live.start();
  return {
    stampOf: live.stampOf.bind(live),
    allowedBy: live.allowedBy.bind(live),
    /** What clients ask of it. */
    routes(policies: { readonly decides: (tenantId: string, bundle: string) => boolean }): {
      readonly allowList: AllowListRouterDependencies;
    } {
      const refresh = () => whenCommitted(() => live.refresh());
      const { decides } = policies;
      return { allowList: { allowLists: new AllowLists({ entries, refresh, decides, now }) } };
    },
    stop: () => live.stop(),
  };
}
