import { randomUUID } from 'node:crypto';
import { Client as PgClient } from 'pg';
import type { OrchestrationResponse } from '../../src/contract/answer';
import { eventually } from './eventually';
import { findings, held } from './fake-detectors';
import { type HttpAnswer, type System, testServers } from './system';

/** Runs that a facade has in flight at most (design.md 7, 9). */
const slots = 2;

/**
 * One whose detector has taken long some ten times becomes a job at once, which needs no slot: so there are several, in
 * turn.
 */
const fillers = Array.from({ length: 12 }, (_, index) => `filler-${index}`);

/** What a system needs for {@link Company}: merge into its options. */
export const filling = {
  detectors: fillers.map((name) => ({ name, timeout_ms: 30_000 })),
  policies: Object.fromEntries(
    fillers.map((name) => [`demo/${name}`, { policy: { required_detectors: [name] } }]),
  ),
};

/** A request on its way. */
export interface Waiting {
  readonly answer: Promise<HttpAnswer>;
  readonly key: string;
}

/**
 * Forces requests to share a run: holds them all where they claim their keys, takes every slot of the facade with
 * requests whose detector is held, lets the claims go, so that all queue behind those, and frees a slot.
 */
export class Company {
  static #turn = 0;
  #gathered = 0;

  private constructor(
    private readonly system: System,
    private readonly gate: PgClient,
  ) {}

  static async gather(system: System): Promise<Company> {
    const url = new URL(testServers().databaseUrl);
    url.pathname = `/${system.database}`;
    const gate = new PgClient({ connectionString: url.href });
    await gate.connect();
    await gate.query('begin');
    await gate.query('lock table idempotency in share mode');
    return new Company(system, gate);
  }

  /** Sends a request; returns when its facade holds it where it claims its key. */
  async add(
    body: Readonly<Record<string, unknown>>,
    { key = randomUUID(), correlation = 'corr' }: { key?: string; correlation?: string } = {},
  ): Promise<Waiting> {
    const answer = this.system.orchestrate<OrchestrationResponse>(body, {
      'idempotency-key': key,
      'x-correlation-id': correlation,
    });
    answer.catch(() => undefined);
    this.#gathered++;
    await this.#atTheGate((claims) => claims.length === this.#gathered);
    return { answer, key };
  }

  /** Resolves when somebody has waited for so long. */
  async aged(ms: number): Promise<void> {
    await this.#atTheGate((claims) => claims.some((waited) => waited >= ms));
  }

  /** They depart; returns when all slots are free again. */
  async depart(): Promise<void> {
    // At once: a run gives its slot back after a while, whatever its detectors do (design.md 7, 9).
    const fills = await Promise.all(Array.from({ length: slots }, () => this.#fillSlot()));
    const before = await this.#claims();
    await this.gate.query('commit');
    // Whoever has claimed its key queues.
    await eventually(
      () => this.#claims(),
      (claims) => claims === before + this.#gathered,
      { everyMs: 5 },
    );
    for (const { release } of fills) release();
    await Promise.all([this.gate.end(), ...fills.map(({ answer }) => answer)]);
  }

  async #fillSlot(): Promise<{ release: () => void; answer: Promise<HttpAnswer> }> {
    const { behavior, release } = held(findings());
    const name = fillers[Company.#turn++ % fillers.length]!;
    this.system.detectors.behave(name, behavior);
    const before = this.system.detectors.callsOf(name).length;
    const answer = this.system.orchestrate({ policy_bundle: name });
    answer.catch(() => undefined);
    await this.system.detectors.called(name, before + 1);
    return { release, answer };
  }

  async #claims(): Promise<number> {
    const { rows } = await this.system.db.query<{ n: number }>('select count(*)::int as n from idempotency');
    return rows[0]!.n;
  }

  /** How long each has waited, in ms. */
  async #atTheGate(satisfies: (waits: readonly number[]) => boolean): Promise<void> {
    await eventually(
      async () => {
        const { rows } = await this.system.db.query<{ waited: number }>(
          `select (extract(epoch from clock_timestamp() - query_start) * 1000)::int as waited
           from pg_stat_activity
           where datname = current_database() and wait_event_type = 'Lock' and query like 'insert into "idempotency"%'`,
        );
        return rows.map(({ waited }) => waited);
      },
      satisfies,
      { everyMs: 5 },
    );
  }
}
