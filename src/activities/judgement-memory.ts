import { createHmac } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { DetectorResult } from '../contract/detector-result';
import type { ContentType } from '../contract/enums';
import type { Member, PlannedDetector } from '../contract/plan';
import { judgedInFull } from '../domain/results';

/** All that a judgement depends on. */
export interface Question {
  readonly tenantId: string;
  /** Of the tenant: no other's judgement has the same digest, and no content can be told from one. */
  readonly tenantKey: Buffer;
  readonly contentType: ContentType;
  /** Its address, parameters and credentials belong to the question. */
  readonly detector: PlannedDetector;
  readonly member: Pick<Member, 'content' | 'metadata' | 'gaps'>;
}

/** Judgements, and findings in all of them. */
const remembered = { max: 10_000, maxSize: 50_000 };

/** What detectors of this process last said of which content, for when they cannot say it again (`fallback: cached`). */
export class JudgementMemory {
  readonly #judgements: LRUCache<string, { readonly result: DetectorResult; readonly at: number }>;

  constructor(private readonly now: () => number) {
    this.#judgements = new LRUCache({
      ...remembered,
      sizeCalculation: ({ result }) => result.findings.length + 1,
      // Nothing is kept for longer than it may be told.
      ttlAutopurge: true,
      ttlResolution: 0,
      perf: { now },
    });
  }

  keep(question: Question, result: DetectorResult): void {
    const { fallback } = question.detector;
    if (fallback?.strategy !== 'cached') return;
    // Only what stands for itself is worth repeating.
    if (!judgedInFull(result) || result.stand_in) return;
    const kept = { result, at: this.now() };
    this.#judgements.set(keyOf(question), kept, { ttl: fallback.max_age_seconds * 1000 });
  }

  recall(question: Question): { readonly result: DetectorResult; readonly ageSeconds: number } | null {
    const { fallback } = question.detector;
    if (fallback?.strategy !== 'cached') return null;
    const kept = this.#judgements.get(keyOf(question));
    if (!kept) return null;
    const ageMs = this.now() - kept.at;
    if (ageMs > fallback.max_age_seconds * 1000) return null;
    return { result: kept.result, ageSeconds: Math.floor(ageMs / 1000) };
  }
}

function keyOf({ tenantId, tenantKey, contentType, detector, member }: Question): string {
  const { name, version, call, score_normalization } = detector;
  return (
    createHmac('sha256', tenantKey)
      .update(
        JSON.stringify([
          tenantId,
          contentType,
          [name, version, call, score_normalization],
          // Equal texts may come from files of which more or less was left.
          [member.metadata, member.gaps ?? null],
        ]),
      )
      .update('\0')
      // UTF-8 has no halves of surrogate pairs: it would make them all one.
      .update(member.content, 'utf16le')
      .digest('base64')
  );
}
