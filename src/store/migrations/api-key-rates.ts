import { type Migration, sql } from 'kysely';

/** Requests a minute of keys that may make others than the rest. */
export const apiKeyRates: Migration = {
  async up(db) {
    await sql`alter table api_key add column rate_limit_per_minute int;`.execute(db);
  },
  async down(db) {
    await sql`alter table api_key drop column rate_limit_per_minute;`.execute(db);
  },
};
