import { randomUUID } from 'node:crypto';
import type { ErrorResponse, OrchestrationResponse } from '../contract/answer';
import type { DetectorResult } from '../contract/detector-result';
import type { ContentType, Environment } from '../contract/enums';
import type { ErrorCode } from '../contract/errors';
import type { Asked } from '../contract/plan';
import { type Judgement, judgementOf, type Reading } from '../domain/judgement';
import { masked } from '../domain/masking';
import { judgedInFull } from '../domain/results';
import type { StoredAnswer } from '../store/orchestrations';
import type { ResultHub } from '../store/result-hub';
import { before } from './before';
import type { Submission } from './submission';

/** For whom, under what, and until when a call judges. */
export interface Bench {
  readonly tenantId: string;
  readonly policyBundle: string;
  readonly environment: Environment;
  readonly correlationId: string;
  readonly traceparent: string | null;
  readonly asked: Asked;
  readonly receivedAt: number;
  /** What is not judged by then is answered as not judged (epoch ms). */
  readonly deadline: number;
}

export interface Exhibit {
  readonly content: string;
  readonly contentType: ContentType;
  /** Detectors that must have judged it, beside the bundle's. */
  readonly detectors?: readonly string[];
  readonly routingTokens: readonly string[];
}

/** Why a content was not judged, or not as far as the bundle asks. */
export interface Shortfall {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  readonly retryAfterSeconds: number | null;
}

/** What became of one content. Without a shortfall it was judged as far as its bundle asks. */
export interface Finding extends Judgement {
  readonly requestId: string;
  readonly shortfall: Shortfall | null;
  /** The content without what flags it; null where that cannot be had, or not all that was found is known. */
  readonly masked: string | null;
  /** Detectors that judged all of it. */
  readonly judgedBy: readonly string[];
  /** The other detectors of the plan. */
  readonly silent: readonly string[];
  readonly policyVersion: string | null;
}

interface ReadingAndMasking extends Reading {
  /** What is flagged for these categories only, and for those below them, can be masked. */
  readonly maskedCategories: readonly string[];
}

export interface JudgeDependencies {
  readonly submission: Pick<Submission, 'submit'>;
  readonly hub: Pick<ResultHub, 'wait'>;
  readonly readingOf: (tenantId: string, bundle: string) => ReadingAndMasking;
}

/** Has contents judged for clients that know no jobs and no partial answers (docs/facades.md). */
export class Judge {
  constructor(private readonly deps: JudgeDependencies) {}

  /**
   * @throws ConclaveError when the content could not be accepted
   */
  async judge(bench: Bench, exhibit: Exhibit): Promise<Finding> {
    const requestId = randomUUID();
    const answer = await before(bench.deadline, this.#answer(bench, exhibit, requestId));
    return answer ? this.#read(bench, exhibit, requestId, answer) : tooLate(requestId);
  }

  /** What converts to a job is waited for as one. */
  async #answer(bench: Bench, exhibit: Exhibit, requestId: string): Promise<StoredAnswer | null> {
    const answer = await this.deps.submission.submit({
      request: {
        content: exhibit.content,
        content_type: exhibit.contentType,
        tenant_id: bench.tenantId,
        policy_bundle: bench.policyBundle,
        environment: bench.environment,
        processing_mode: 'sync',
        priority: 'normal',
        metadata: undefined,
        required_detectors: exhibit.detectors && [...exhibit.detectors],
        excluded_detectors: undefined,
      },
      requestId,
      correlationId: bench.correlationId,
      traceparent: bench.traceparent,
      asked: bench.asked,
      idempotencyKey: null,
      receivedAt: bench.receivedAt,
      routingTokens: exhibit.routingTokens,
    });
    if (answer.status !== 202) return answer;
    return this.deps.hub.wait(requestId, () => null, bench.deadline);
  }

  #read(
    { tenantId, policyBundle }: Bench,
    exhibit: Exhibit,
    requestId: string,
    { status, body }: StoredAnswer,
  ): Finding {
    const parsed = JSON.parse(body.toString()) as OrchestrationResponse | ErrorResponse;
    const response = 'detector_results' in parsed ? parsed : parsed.response;
    const reading = this.deps.readingOf(tenantId, policyBundle);
    const judgement = response ? judgementOf(response, reading) : { flagged: false, signals: [] };
    const results = response?.detector_results ?? [];
    return {
      ...judgement,
      masked: results.some(isCut)
        ? null
        : masked(exhibit.content, judgement.signals, reading.maskedCategories),
      requestId,
      shortfall: shortfallOf(status, parsed),
      judgedBy: results.filter(judgedInFull).map(({ detector }) => detector),
      silent: results.filter((result) => !judgedInFull(result)).map(({ detector }) => detector),
      policyVersion: response?.routing_decision.policy_version ?? null,
    };
  }
}

/** More was found than it lists, here or at the detector itself. */
function isCut({ findings_truncated, unjudged }: DetectorResult): boolean {
  return findings_truncated || (unjudged ?? []).some(({ reason }) => reason === 'findings_truncated');
}

function shortfallOf(status: number, answer: OrchestrationResponse | ErrorResponse): Shortfall | null {
  if (status === 200) return null;
  if ('detector_results' in answer) {
    const share = Math.floor(answer.coverage_achieved * 100);
    return {
      code: 'PARTIAL_COVERAGE',
      message: `less was judged than the policy asks for (coverage ${share} %)`,
      retryable: true,
      retryAfterSeconds: null,
    };
  }
  return {
    code: answer.error_code,
    message: answer.message,
    retryable: answer.retryable,
    retryAfterSeconds: answer.retry_after_seconds,
  };
}

function tooLate(requestId: string): Finding {
  return {
    requestId,
    flagged: false,
    signals: [],
    masked: null,
    shortfall: {
      code: 'REQUEST_TIMEOUT',
      message: 'the content was not judged in time',
      retryable: true,
      retryAfterSeconds: 1,
    },
    judgedBy: [],
    silent: [],
    policyVersion: null,
  };
}
