import { sql } from 'kysely';
import { familyName } from '../contract/credentials';
import { addRevoked, changeCredentials } from './credentials';
import { asTenant, type Db } from './database';

/** Tokens that belong together: one that refreshes, and the access token that was issued with it. */
export interface TokenPair {
  readonly refreshJti: string;
  readonly accessJti: string;
  readonly accessExpiresAt: Date;
  readonly expiresAt: Date;
}

export interface NewFamily extends TokenPair {
  readonly family: string;
  readonly tenantId: string | null;
  readonly subject: string;
}

/** Table `token_family`: refresh tokens that came of one another. Each is good once; a second use ends them all. */
export class TokenFamilies {
  constructor(private readonly db: Db) {}

  async open({ family, tenantId, subject, ...pair }: NewFamily): Promise<void> {
    await this.db
      .deleteFrom('token_family')
      .where('expires_at', '<', sql<Date>`now() - interval '1 hour'`)
      .execute();
    await asTenant(this.db, tenantId)
      .insertInto('token_family')
      .values({ family, tenant_id: tenantId, subject, ...columnsOf(pair) })
      .execute();
  }

  async rotate(
    family: string,
    presented: string,
    next: TokenPair,
  ): Promise<'rotated' | 'replayed' | 'ended'> {
    return changeCredentials(this.db, async (tx) => {
      const known = await tx
        .selectFrom('token_family')
        .selectAll()
        .where('family', '=', family)
        .forUpdate()
        .executeTakeFirst();
      if (!known || known.revoked_at !== null) return 'ended';
      if (known.refresh_jti !== presented) {
        await end(tx, family, known);
        return 'replayed';
      }
      await tx
        .updateTable('token_family')
        .set({
          ...columnsOf(next),
          // Access tokens from before stay good as long as they were issued for.
          access_expires_at: sql<Date>`greatest(access_expires_at, ${next.accessExpiresAt})`,
        })
        .where('family', '=', family)
        .execute();
      await addRevoked(tx, [{ jti: presented, expiresAt: known.expires_at }]);
      return 'rotated';
    });
  }

  /** Ends what an access or refresh token belongs to, if it is of a family. @param family where the token names it */
  async endOf({
    jti,
    family,
  }: {
    readonly jti: string;
    readonly family?: string | undefined;
  }): Promise<void> {
    await changeCredentials(this.db, async (tx) => {
      const known = await tx
        .selectFrom('token_family')
        .selectAll()
        .where((row) =>
          family === undefined
            ? row.or([row('access_jti', '=', jti), row('refresh_jti', '=', jti)])
            : row('family', '=', family),
        )
        .forUpdate()
        .executeTakeFirst();
      if (known) await end(tx, known.family, known);
    });
  }
}

async function end(
  tx: Db,
  family: string,
  known: { access_jti: string; access_expires_at: Date; expires_at: Date },
): Promise<void> {
  await tx
    .updateTable('token_family')
    .set({ revoked_at: sql<Date>`now()` })
    .where('family', '=', family)
    .execute();
  await addRevoked(tx, [
    // Access tokens from before families had names in them.
    { jti: known.access_jti, expiresAt: known.access_expires_at },
    { jti: familyName(family), expiresAt: latest(known.access_expires_at, known.expires_at) },
  ]);
}

function latest(one: Date, other: Date): Date {
  return one > other ? one : other;
}

function columnsOf({ refreshJti, accessJti, accessExpiresAt, expiresAt }: TokenPair) {
  return {
    refresh_jti: refreshJti,
    access_jti: accessJti,
    access_expires_at: accessExpiresAt,
    expires_at: expiresAt,
  };
}
