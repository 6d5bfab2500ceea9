import type { ColumnType } from 'kysely';
import type { Notice, NoticeChannel, NoticeFault } from '../contract/notices';

/** What one recipient is told, once it is `sending` nothing is added to it. */
export interface NoticeTable {
  notice_id: string;
  channel: NoticeChannel;
  /** An address, or a URL. */
  target: string;
  notice: ColumnType<Notice, string, string>;
  status: ColumnType<
    'open' | 'sending' | 'delivered' | 'failed',
    undefined,
    'sending' | 'delivered' | 'failed'
  >;
  attempts: ColumnType<number, undefined, number>;
  /** When to see to it, should nobody have until then. */
  look_at: ColumnType<Date, Date, Date>;
  /** The first attempt. */
  begun_at: ColumnType<Date | null, undefined, Date>;
  ended_at: ColumnType<Date | null, undefined, Date>;
  /** Of the last attempt. */
  error: ColumnType<NoticeFault | null, undefined, NoticeFault | null>;
}
