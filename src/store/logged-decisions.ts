import { type Selectable, sql } from 'kysely';
import type { DecisionQuery, LoggedDecision } from '../contract/decision-log';
import { asTenant, type Db } from './database';
import { isRefusal, writeApart } from './refused-rows';
import type { PolicyDecisionTable } from './schema-policies';

export interface DecisionPage {
  readonly decisions: readonly LoggedDecision[];
  /** Where the next page begins; null on the last one. */
  readonly next: string | null;
}

const exportPage = 500;
const retentionDays = 30;

/** Table `policy_decision`; read oldest first. */
export class LoggedDecisions {
  constructor(private readonly db: Db) {}

  /** What the database refuses of a decision is not written; nobody else's is held up by it. */
  async append(decisions: readonly LoggedDecision[]): Promise<void> {
    try {
      await this.#insert(decisions);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      await writeApart(decisions, (some) => this.#insert(some), withoutWords);
    }
  }

  async #insert(decisions: readonly LoggedDecision[]): Promise<readonly never[]> {
    await sql`
      insert into policy_decision (decision_id, request_id, tenant_id, policy_bundle, policy_version, policy_digest,
                                   decision, input_digest, outcome, result, detail, duration_ms, at)
      select decision_id, request_id, tenant_id, policy_bundle, policy_version, policy_digest, decision, input_digest,
             outcome, result, detail, duration_ms, timestamp
      from json_to_recordset(${JSON.stringify(decisions)}::json)
        as given (decision_id uuid, request_id uuid, tenant_id text, policy_bundle text, policy_version text,
                  policy_digest text, decision text, input_digest text, outcome text, result jsonb, detail text,
                  duration_ms float8, "timestamp" timestamptz)`.execute(this.db);
    return [];
  }

  /** Removes what is past its retention (design.md 8). */
  async removeExpired(): Promise<void> {
    await sql`delete from policy_decision where at < now() - make_interval(days => ${retentionDays})`.execute(
      this.db,
    );
  }

  async count(tenantId: string | null, query: DecisionQuery): Promise<number> {
    const { n } = await this.#matching(tenantId, query)
      .select((eb) => eb.fn.countAll<string>().as('n'))
      .executeTakeFirstOrThrow();
    return Number(n);
  }

  async page(
    tenantId: string | null,
    query: DecisionQuery,
    limit: number,
    after: string | null,
  ): Promise<DecisionPage> {
    const rows = await this.#matching(tenantId, query)
      .selectAll()
      .$if(after !== null, (matching) => matching.where('sequence', '>', after))
      .orderBy('sequence')
      .limit(limit + 1)
      .execute();
    const shown = rows.slice(0, limit);
    return {
      decisions: shown.map(toDecision),
      next: rows.length > limit ? shown.at(-1)!.sequence : null,
    };
  }

  async *all(tenantId: string | null, query: DecisionQuery): AsyncGenerator<LoggedDecision> {
    for (let after: string | null = null; ;) {
      const page: DecisionPage = await this.page(tenantId, query, exportPage, after);
      yield* page.decisions;
      if (page.next === null) return;
      after = page.next;
    }
  }

  #matching(tenantId: string | null, query: DecisionQuery) {
    let matching = asTenant(this.db, tenantId).selectFrom('policy_decision');
    if (tenantId !== null) matching = matching.where('tenant_id', '=', tenantId);
    if (query.request_id) matching = matching.where('request_id', '=', query.request_id);
    if (query.policy_bundle) matching = matching.where('policy_bundle', '=', query.policy_bundle);
    if (query.decision) matching = matching.where('decision', '=', query.decision);
    if (query.outcome) matching = matching.where('outcome', '=', query.outcome);
    if (query.from) matching = matching.where('at', '>=', new Date(query.from));
    if (query.to) matching = matching.where('at', '<', new Date(query.to));
    return matching;
  }
}

/** Of what a policy says, nothing. */
function withoutWords(refused: LoggedDecision): LoggedDecision {
  return { ...refused, result: refused.result && {}, detail: 'the database refused what the policy said' };
}

function toDecision({ sequence: _, at, ...row }: Selectable<PolicyDecisionTable>): LoggedDecision {
  return { ...row, timestamp: at.toISOString() };
}
