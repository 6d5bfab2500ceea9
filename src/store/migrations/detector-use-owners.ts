import { type Migration, sql } from 'kysely';

/** A tenant's own detector has figures of its own. What was counted before is of detectors that all share, as far as one can tell. */
export const detectorUseOwners: Migration = {
  async up(db) {
    await sql`
      alter table detector_use add column owner text not null default '';
      alter table detector_use drop constraint detector_use_pkey;
      alter table detector_use add primary key (owner, detector, since);
    `.execute(db);
  },
  async down(db) {
    await sql`
      delete from detector_use where owner <> '';
      alter table detector_use drop constraint detector_use_pkey;
      alter table detector_use add primary key (detector, since);
      alter table detector_use drop column owner;
    `.execute(db);
  },
};
