import type { Collapsed, Notice, NoticeEvent } from '../contract/notices';

const words: Readonly<Record<NoticeEvent, string>> = {
  upstream_unhealthy: 'upstream unhealthy',
  upstream_recovered: 'upstream recovered',
  breaker_opened: 'circuit breaker opened',
  callback_given_up: 'callback given up',
  audit_broken: 'audit log is not what was sealed',
  key_rotation_completed: 'key rotation completed',
  key_rotation_failed: 'key rotation failed',
};

const longest = 200;

/** A notice as people read it. */
export function worded(
  { happened, omitted }: Notice,
  environment: string,
): { readonly subject: string; readonly text: string } {
  const total = happened.reduce((sum, { times }) => sum + times, omitted);
  const kinds = [...new Set(happened.map(({ event }) => words[event]))];
  const gist = total === 1 ? headOf(happened[0]!) : `${total} events: ${kinds.join(', ')}`;
  return {
    subject: plain(`[Conclave ${environment}] ${gist}`),
    text: [
      ...happened.map(lineOf),
      ...(omitted > 0 ? [`and ${omitted} more that are not listed here`] : []),
      '',
    ].join('\n'),
  };
}

function headOf({ event, subject }: Collapsed): string {
  return `${words[event]}: ${plain(subject)}`;
}

function lineOf(line: Collapsed): string {
  const { tenant_id: tenant, reason, times, first_at: first, last_at: last } = line;
  const more = [
    ...(tenant === null ? [] : [`tenant ${plain(tenant)}`]),
    ...(reason === null ? [] : [plain(reason)]),
  ];
  const when = times === 1 ? first : `${first} to ${last}`;
  const often = times === 1 ? '' : `, ${times} times`;
  return `${when}  ${headOf(line)}${often}${more.length === 0 ? '' : ` (${more.join('; ')})`}`;
}

/** One line, so that nothing in it can pass for a header, or for another line. */
function plain(text: string): string {
  return text
    .replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, longest);
}
