import { type Migration, sql } from 'kysely';

/** Who asked for a bulk job, for the records of its items. */
export const bulkAskers: Migration = {
  async up(db) {
    await sql`alter table bulk_job add column asked jsonb`.execute(db);
  },
  async down(db) {
    await sql`alter table bulk_job drop column asked`.execute(db);
  },
};
