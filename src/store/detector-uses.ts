import { sql } from 'kysely';
import type { DetectorUse } from '../contract/detector-use';
import type { Db } from './database';

/** Nobody asks for more than a day. */
const keptHours = 25;

/** Table `detector_use`: how detectors did, added up over all processes. */
export class DetectorUseTable {
  constructor(private readonly db: Db) {}

  async add(uses: readonly DetectorUse[]): Promise<void> {
    // In one order, so that two that add at once do not wait for each other in a circle.
    const rows = uses.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
    await this.db.transaction().execute(async (tx) => {
      for (const { detector, owner, since, calls, failures, total_ms, latencies } of rows) {
        await sql`
          insert into detector_use (owner, detector, since, calls, failures, total_ms, latencies)
          values (${owner ?? ''}, ${detector}, ${new Date(since)}, ${calls}, ${failures}, ${total_ms}, ${sql.val(latencies)}::int[])
          on conflict (owner, detector, since) do update set
            calls = detector_use.calls + excluded.calls,
            failures = detector_use.failures + excluded.failures,
            total_ms = detector_use.total_ms + excluded.total_ms,
            latencies = (
              select array_agg(a + b order by place)
              from unnest(detector_use.latencies, excluded.latencies) with ordinality as step (a, b, place)
            )`.execute(tx);
      }
    });
  }

  async removeOld(): Promise<void> {
    await sql`delete from detector_use where since < now() - make_interval(hours => ${keptHours})`.execute(
      this.db,
    );
  }

  /** Of the last so many hours, one row for each detector of each owner; `since` is of the first step there is. */
  async ofLast(hours: number): Promise<DetectorUse[]> {
    const { rows } = await sql<{
      owner: string;
      detector: string;
      since: Date;
      calls: number;
      failures: number;
      total_ms: string;
      latencies: number[];
    }>`
      with recent as (
        select * from detector_use where since > now() - make_interval(hours => ${hours})
      ),
      steps as (
        select owner, detector, place, sum(count)::int as count
        from recent, unnest(latencies) with ordinality as step (count, place)
        group by owner, detector, place
      )
      select owner, detector, min(since) as since, sum(calls)::int as calls, sum(failures)::int as failures, sum(total_ms)::text as total_ms,
             (select array_agg(count order by place) from steps where (steps.owner, steps.detector) = (recent.owner, recent.detector)) as latencies
      from recent group by owner, detector order by owner, detector`.execute(this.db);
    return rows.map(({ owner, since, total_ms, ...row }) => ({
      ...row,
      owner: owner === '' ? null : owner,
      since: since.getTime(),
      total_ms: Number(total_ms),
    }));
  }
}

function placeOf({ owner, detector, since }: DetectorUse): string {
  return `${since} ${owner ?? ''} ${detector}`;
}
