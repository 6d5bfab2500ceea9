import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import {
  type Happening,
  type Notice,
  type NoticeChannel,
  type NoticeDelivery,
  type NoticeFault,
  noticeSchema,
} from '../contract/notices';
import type { Db } from './database';
import { notify } from './notifications';

export interface NoticeRules {
  /** Who is told of it. */
  targetsOf(happening: Happening): readonly { readonly channel: NoticeChannel; readonly to: string }[];
  /** The notice with one thing more. */
  foldedInto(notice: Notice, happening: Happening, at: string): Notice;
  /** Between two mails to one address. */
  readonly mailIntervalMs: number;
}

/** An attempt that has begun. */
export interface NoticeAttempt {
  readonly channel: NoticeChannel;
  readonly to: string;
  readonly notice: Notice;
  /** How many it makes, with those before it. */
  readonly number: number;
}

/** What breaks down together is told together. */
const gatherMs: Readonly<Record<NoticeChannel, number>> = { email: 2000, webhook: 0 };
/** So long an attempt that was handed over may take before it is taken for lost. */
const graceSeconds = 120;
const nothing: Notice = { happened: [], omitted: 0 };

/** Table `notice`: what operators are still to be told; for each recipient one is open, and takes in what happens. */
export class Notices {
  constructor(
    private readonly db: Db,
    private readonly rules: NoticeRules,
  ) {}

  /** As part of the transaction in which it happens. */
  async record(tx: Db, happenings: readonly Happening[]): Promise<void> {
    const told = happenings.flatMap((happening) =>
      this.rules.targetsOf(happening).map((target) => ({ ...target, happening })),
    );
    // In one order, so that no two wait for each other.
    for (const { channel, to, happening } of told.toSorted((a, b) => (a.to < b.to ? -1 : 1)))
      await this.#add(tx, channel, to, happening);
    if (told.length > 0) await notify(tx, { kind: 'notice_due' });
  }

  /** Of what happens in no transaction. */
  async tell(...happenings: readonly Happening[]): Promise<void> {
    await this.db.transaction().execute((tx) => this.record(tx, happenings));
  }

  async #add(tx: Db, channel: NoticeChannel, to: string, happening: Happening): Promise<void> {
    const intervalMs = channel === 'email' ? this.rules.mailIntervalMs : 0;
    await sql`
      insert into notice (notice_id, channel, target, notice, look_at)
      values (
        ${randomUUID()}, ${channel}, ${to}, ${JSON.stringify(nothing)},
        greatest(
          now() + make_interval(secs => ${gatherMs[channel] / 1000}),
          (select max(begun_at) + make_interval(secs => ${intervalMs / 1000}) from notice where target = ${to})
        )
      )
      on conflict (target) where status = 'open' do nothing`.execute(tx);
    const open = await tx
      .selectFrom('notice')
      .select(['notice_id', 'notice'])
      .where('target', '=', to)
      .where('status', '=', 'open')
      .forUpdate()
      .executeTakeFirst();
    // It was sent off in between: the next one takes it in.
    if (!open) return this.#add(tx, channel, to, happening);
    const folded = this.rules.foldedInto(
      noticeSchema.parse(open.notice),
      happening,
      new Date().toISOString(),
    );
    await tx
      .updateTable('notice')
      .set({ notice: JSON.stringify(folded) })
      .where('notice_id', '=', open.notice_id)
      .execute();
  }

  /** Takes some whose time has come; what is taken and not told comes up again. */
  async takeDue(limit: number): Promise<NoticeDelivery[]> {
    const { rows } = await sql<NoticeDelivery>`
      update notice set look_at = now() + make_interval(secs => ${graceSeconds})
      where notice_id in (
        select notice_id from notice where status in ('open', 'sending') and look_at <= now()
        order by look_at limit ${limit} for update skip locked
      )
      returning notice_id`.execute(this.db);
    return rows;
  }

  /** Nobody could be told to deliver these: they are due again. */
  async handBack(deliveries: readonly NoticeDelivery[]): Promise<void> {
    await sql`
      update notice set look_at = now()
      where notice_id = any(${deliveries.map(({ notice_id }) => notice_id)}::uuid[]) and status in ('open', 'sending')
    `.execute(this.db);
  }

  /** From the first attempt on the notice stays as it is. @returns null when there is nothing to tell any more */
  async begin({ notice_id }: NoticeDelivery): Promise<NoticeAttempt | null> {
    const row = await this.db
      .updateTable('notice')
      .set((eb) => ({
        status: 'sending' as const,
        attempts: eb('attempts', '+', 1),
        begun_at: sql<Date>`coalesce(begun_at, now())`,
        look_at: sql<Date>`now() + make_interval(secs => ${graceSeconds})`,
      }))
      .where('notice_id', '=', notice_id)
      .where('status', 'in', ['open', 'sending'])
      .returning(['channel', 'target', 'notice', 'attempts'])
      .executeTakeFirst();
    if (!row) return null;
    const { channel, target: to, attempts: number } = row;
    return { channel, to, notice: noticeSchema.parse(row.notice), number };
  }

  async settle(
    { notice_id }: NoticeDelivery,
    status: 'delivered' | 'failed',
    error: NoticeFault | null,
  ): Promise<void> {
    const settled = await this.db
      .updateTable('notice')
      .set({ status, error, ended_at: new Date() })
      .where('notice_id', '=', notice_id)
      .where('status', 'in', ['open', 'sending'])
      .returning('target')
      .executeTakeFirst();
    if (!settled) return;
    await this.db
      .deleteFrom('notice')
      .where('target', '=', settled.target)
      .where('ended_at', '<', sql<Date>`now() - interval '7 days'`)
      .execute();
  }

  async postpone({ notice_id }: NoticeDelivery, waitMs: number, error: NoticeFault): Promise<void> {
    await this.db
      .updateTable('notice')
      .set({ error, look_at: new Date(Date.now() + waitMs + graceSeconds * 1000) })
      .where('notice_id', '=', notice_id)
      .where('status', '=', 'sending')
      .execute();
  }
}
