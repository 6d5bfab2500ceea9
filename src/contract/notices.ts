import { z } from 'zod';

/** What operators are told of (docs/notifications.md). */
export const noticeEvents = [
  'upstream_unhealthy',
  'upstream_recovered',
  'breaker_opened',
  'callback_given_up',
  'audit_broken',
  'key_rotation_completed',
  'key_rotation_failed',
] as const;
export type NoticeEvent = (typeof noticeEvents)[number];

/** Something that has happened: identifiers and words of ours, never what a caller has sent. */
export interface Happening {
  readonly event: NoticeEvent;
  /** Null: it concerns the installation. */
  readonly tenant_id: string | null;
  /** The upstream, job, rotation. */
  readonly subject: string;
  /** Why, in a word. */
  readonly reason: string | null;
}

/** The same, however often it has happened. */
const collapsedSchema = z.strictObject({
  event: z.enum(noticeEvents),
  tenant_id: z.string().nullable(),
  subject: z.string(),
  reason: z.string().nullable(),
  times: z.int().positive(),
  first_at: z.iso.datetime(),
  last_at: z.iso.datetime(),
});
export type Collapsed = z.output<typeof collapsedSchema>;

/** What one recipient is told at a time. */
export const noticeSchema = z.strictObject({
  happened: z.array(collapsedSchema),
  /** What there was no room for. */
  omitted: z.int().nonnegative(),
});
export type Notice = z.output<typeof noticeSchema>;

export type NoticeChannel = 'email' | 'webhook';

export interface NoticeMessage {
  /** The same at every attempt. */
  readonly id: string;
  /** An address, or a URL. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly notice: Notice;
}

/** Why a recipient was not told. */
export type NoticeFault =
  | 'refused'
  | 'not_now'
  | 'timeout'
  | 'connection_failed'
  | 'tls_failed'
  | 'login_failed'
  | 'secret_unavailable'
  | 'not_configured'
  | 'cancelled';

/** One way to tell somebody something. */
export interface Notifier {
  /** @returns null when it was taken */
  send(message: NoticeMessage): Promise<NoticeFault | null>;
}

/** What the workflow that tells one recipient works on. */
export interface NoticeDelivery {
  readonly notice_id: string;
}

/** `gone`: there is nothing to tell any more. */
export type NoticeEnd = 'delivered' | 'failed' | 'gone';

/** What the workflow that tells one recipient asks of the world. */
export interface NoticeActivities {
  /** Tries once; throws when it is to be tried again, saying when. */
  deliverNotice(delivery: NoticeDelivery): Promise<NoticeEnd>;
  /** After an operator has canceled the workflow. */
  giveUpNotice(delivery: NoticeDelivery): Promise<void>;
}
