import type { Collapsed, Happening, Notice, NoticeChannel } from '../contract/notices';
import type { NoticeRecipients } from '../contract/notifications-config';

export interface NoticeTarget {
  readonly channel: NoticeChannel;
  /** An address, or a URL. */
  readonly to: string;
}

/** Lines of one notice; more of them nobody reads. */
const mostLines = 100;

/** Who is told of it, each once. */
export function targetsOf(recipients: readonly NoticeRecipients[], happening: Happening): NoticeTarget[] {
  const concerned = recipients.filter(
    ({ tenant_id: tenant, events }) =>
      events.includes(happening.event) && (tenant === null || tenant === happening.tenant_id),
  );
  return [
    ...[...new Set(concerned.flatMap(({ emails }) => emails))].map((to) => ({
      channel: 'email' as const,
      to,
    })),
    ...[...new Set(concerned.flatMap(({ webhooks }) => webhooks))].map((to) => ({
      channel: 'webhook' as const,
      to,
    })),
  ];
}

/** The notice with one thing more. What happens again is one line with a count, however often it does. */
export function foldedInto(notice: Notice, happening: Happening, at: string): Notice {
  const known = notice.happened.findIndex((line) => isSame(line, happening));
  if (known !== -1) {
    const happened = notice.happened.with(known, again(notice.happened[known]!, happening, at));
    return { ...notice, happened };
  }
  if (notice.happened.length >= mostLines) return { ...notice, omitted: notice.omitted + 1 };
  return { ...notice, happened: [...notice.happened, { ...happening, times: 1, first_at: at, last_at: at }] };
}

function isSame(line: Collapsed, { event, tenant_id, subject }: Happening): boolean {
  return line.event === event && line.tenant_id === tenant_id && line.subject === subject;
}

function again(line: Collapsed, { reason }: Happening, at: string): Collapsed {
  return { ...line, reason, times: line.times + 1, last_at: at };
}
