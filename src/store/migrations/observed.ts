import { type Migration, sql } from 'kysely';

/** What processes have counted, for the one that is asked, and how detectors did, by five minutes. */
export const observed: Migration = {
  async up(db) {
    await sql`
      create table process_figures (
        process_id text primary key,
        figures json not null,
        written_at timestamptz not null default now()
      );
      create table detector_use (
        detector text not null,
        since timestamptz not null,
        calls int not null,
        failures int not null,
        total_ms bigint not null,
        latencies int[] not null,
        primary key (detector, since)
      );
      create index detector_use_since on detector_use (since);
    `.execute(db);
  },
  async down(db) {
    await sql`drop table detector_use, process_figures;`.execute(db);
  },
};
