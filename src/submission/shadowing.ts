import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EndedRunRecord } from '../contract/ended-run';
import type { Shadow } from '../contract/shadow';
import { suppressionsIn } from '../domain/suppression';
import { compared, type Comparison, type Simulated } from '../domain/simulation-comparison';
import type { ReplayedRecord } from '../domain/simulation-report';
import type { EndedRun } from '../store/ended-runs';
import type { Missed } from '../store/policy-shadows';

export interface ShadowingDependencies {
  readonly running: (tenantId: string, bundle: string) => Shadow | null;
  /** Judges by a shadow's version. */
  readonly judge: (shadow: Shadow, requestId: string, run: EndedRunRecord) => Promise<Simulated>;
  /** Counts for good what was counted here. */
  readonly add: (shadow: Shadow, missed: Missed, counted: readonly ReplayedRecord[]) => Promise<void>;
  readonly count: (shadow: Shadow, results: readonly ShadowResult[]) => void;
  /** Whether the process has enough to do. */
  readonly pressed: () => boolean;
  readonly log: { error(fields: object, message: string): void };
}

export type ShadowResult = Comparison['changes'][number] | 'unchanged' | 'dropped' | 'failed';

interface Waiting {
  readonly shadow: Shadow;
  readonly run: EndedRun;
}

interface Counted {
  readonly shadow: Shadow;
  readonly records: ReplayedRecord[];
  dropped: number;
  failed: number;
}

const maxWaiting = 1000;
/** What the store does not take is forgotten beyond so many. */
const maxCounted = 5000;
/** The event loop is others': after so long they have a turn. */
const turnMs = 5;
const flushMs = 1000;

/**
 * Has candidates judge a share of what was judged, once the answers are out: from what detectors have said. It costs
 * requests nothing; what it cannot keep up with it leaves, and says how much that was.
 */
export class Shadowing {
  #waiting: Waiting[] = [];
  readonly #counted = new Map<string, Counted>();
  #working: Promise<void> | null = null;
  #flushing: Promise<void> = Promise.resolve();
  #failing = false;
  readonly #timer: NodeJS.Timeout;

  constructor(private readonly deps: ShadowingDependencies) {
    this.#timer = setInterval(() => void this.flush(), flushMs).unref();
  }

  /** Never throws, and never waits. */
  offer(run: EndedRun): void {
    const shadow = this.deps.running(run.tenantId, run.bundle);
    if (!shadow || !isInShare(run.requestId, shadow.percent)) return;
    if (this.#waiting.length >= maxWaiting || this.deps.pressed()) {
      this.#countedOf(shadow).dropped += 1;
      this.deps.count(shadow, ['dropped']);
      return;
    }
    this.#waiting.push({ shadow, run });
    this.#working ??= this.#work();
  }

  /** Resolves when everything that was offered has been judged. */
  async settled(): Promise<void> {
    await this.#working;
  }

  /** What has been judged is counted for good, unless the store is away. */
  async flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#flush());
    await this.#flushing;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    for (const { shadow } of this.#waiting.splice(0)) this.#countedOf(shadow).dropped += 1;
    await this.settled();
    await this.flush();
  }

  async #work(): Promise<void> {
    let turnEnds = 0;
    while (this.#waiting.length > 0) {
      if (performance.now() >= turnEnds) {
        await nextTurn();
        turnEnds = performance.now() + turnMs;
      }
      for (const one of this.#waiting.splice(0, 1)) await this.#judge(one);
    }
    this.#working = null;
  }

  async #judge({ shadow, run: { requestId, record } }: Waiting): Promise<void> {
    try {
      const run = JSON.parse(record) as EndedRunRecord;
      const comparison = compared(run.outcome, await this.deps.judge(shadow, requestId, run));
      const { changes } = comparison;
      this.deps.count(shadow, changes.length === 0 ? ['unchanged'] : changes);
      const suppressed = run.results.flatMap(suppressionsIn).length;
      this.#note(shadow, { requestId, contentType: run.content_type, comparison, suppressed });
    } catch (error) {
      const counted = this.#countedOf(shadow);
      counted.failed += 1;
      this.deps.count(shadow, ['failed']);
      if (counted.failed === 1)
        this.deps.log.error({ shadow_id: shadow.shadowId, error }, 'a shadow could not judge a request');
    }
  }

  /** Looked up only now: what was counted before may have been stored meanwhile. */
  #note(shadow: Shadow, record: ReplayedRecord): void {
    const counted = this.#countedOf(shadow);
    if (counted.records.length < maxCounted) counted.records.push(record);
    else counted.dropped += 1;
  }

  async #flush(): Promise<void> {
    for (const [shadowId, { shadow, records, dropped, failed }] of [...this.#counted]) {
      this.#counted.delete(shadowId);
      try {
        await this.deps.add(shadow, { dropped, failed }, records);
        this.#failing = false;
      } catch (error) {
        this.#giveBack({ shadow, records, dropped, failed });
        if (!this.#failing)
          this.deps.log.error({ error }, 'what shadows have counted cannot be stored; it waits');
        this.#failing = true;
      }
    }
  }

  #giveBack({ shadow, records, dropped, failed }: Counted): void {
    const since = this.#countedOf(shadow);
    since.dropped += dropped;
    since.failed += failed;
    since.records.unshift(...records);
  }

  #countedOf(shadow: Shadow): Counted {
    let counted = this.#counted.get(shadow.shadowId);
    if (!counted) {
      counted = { shadow, records: [], dropped: 0, failed: 0 };
      this.#counted.set(shadow.shadowId, counted);
    }
    return counted;
  }
}

/** The same for a request wherever it is asked. */
function isInShare(requestId: string, percent: number): boolean {
  const place = createHash('sha256').update(requestId).digest().readUInt32BE(0) / 2 ** 32;
  return place * 100 < percent;
}
