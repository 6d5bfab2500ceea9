import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import { checkContentForm } from '../../content/content-form';
import type { Settings } from '../../contract/config';
import type { ContentType } from '../../contract/enums';
import { ConclaveError } from '../../contract/errors';
import { contentSchema } from '../../contract/request';
import { namePattern } from '../../contract/text';
import type { Bench, Finding, Judge } from '../../submission/judge';
import { gateOf } from '../access';
import { atFloodgate } from '../floodgate';
import { readBody } from '../json-body';
import type { RateLimit } from '../rate-limit';
import { askedBy } from '../principal';
import { contextOf } from '../request-context';
import { tenantOf } from '../tenant-header';
import { validate } from '../validate';
import type { ModerationCategories } from './moderation-categories';

export interface FacadeDependencies {
  readonly judge: Pick<Judge, 'judge'>;
  readonly settings: Settings['facades'];
  readonly categories: ModerationCategories;
  readonly rateLimit: RateLimit;
  readonly rateLimitOf: (tenantId: string, bundle: string) => number;
  readonly maxBodyBytes: number;
  readonly maxImagePixels: number;
  /** Refuses calls unread when there are too many to read. */
  readonly approach: () => void;
}

/** What comes before the body of a call is looked at. */
export function readCall(deps: Pick<FacadeDependencies, 'approach' | 'maxBodyBytes'>): RequestHandler[] {
  return [atFloodgate(deps.approach), ...readBody(deps.maxBodyBytes)];
}

/** A piece of what a client wants judged. */
export interface Piece {
  readonly content: string;
  readonly type: Extract<ContentType, 'text' | 'image'>;
  readonly detectors?: readonly string[];
}

const pieceSchema = z.object({ content: contentSchema });

/**
 * Has pieces judged for whom the call is, each by itself. Blank ones hold nothing to judge and have no finding.
 * @param withinMs at most so long after receipt
 * @throws ConclaveError when any of them cannot be accepted
 */
export async function judgePieces(
  deps: FacadeDependencies,
  request: Request,
  response: Response,
  pieces: readonly Piece[],
  withinMs = deps.settings.answer_within_ms,
): Promise<readonly (Finding | null)[]> {
  const bench = benchOf(deps, request, response, withinMs);
  gateOf(request).requireActive(bench.tenantId);
  const exhibits = pieces.map((piece) =>
    piece.content.trim() === '' ? null : exhibitOf(piece, deps.maxImagePixels),
  );
  const charged = exhibits.filter((exhibit) => exhibit !== null).length;
  if (charged === 0) return exhibits.map(() => null);
  const { tenantId, policyBundle: bundle } = bench;
  const perMinute = deps.rateLimitOf(tenantId, bundle);
  const limited = { endpoint: 'facade', tenantId, bundle } as const;
  const end = await deps.rateLimit.admit(response, { limited, perMinute, requests: charged });
  try {
    return await Promise.all(exhibits.map(async (exhibit) => exhibit && deps.judge.judge(bench, exhibit)));
  } finally {
    end();
  }
}

function benchOf(deps: FacadeDependencies, request: Request, response: Response, withinMs: number): Bench {
  const { correlationId, traceparent, receivedAt } = contextOf(response);
  return {
    tenantId: tenantOf(request) ?? deps.settings.tenant_id,
    policyBundle: bundleOf(request) ?? deps.settings.policy_bundle,
    environment: deps.settings.environment,
    correlationId,
    traceparent,
    asked: askedBy(request),
    receivedAt,
    deadline: receivedAt + Math.min(withinMs, deps.settings.answer_within_ms),
  };
}

function bundleOf(request: Request): string | null {
  const bundle = request.get('x-policy-bundle');
  if (bundle === undefined) return null;
  if (namePattern.test(bundle)) return bundle;
  throw new ConclaveError('INVALID_REQUEST', 'X-Policy-Bundle must be the name of a policy bundle', {
    detail: 'invalid_bundle_header',
    fieldErrors: [{ path: 'X-Policy-Bundle', message: 'must be the name of a policy bundle' }],
  });
}

function exhibitOf({ content, type, detectors }: Piece, maxImagePixels: number) {
  if (type === 'image' && /^https?:/i.test(content)) {
    throw new ConclaveError('INVALID_REQUEST', 'images are not fetched: send them as data URLs', {
      detail: 'image_not_fetched',
      fieldErrors: [{ path: 'content', message: 'must be a data URL' }],
    });
  }
  validate(pieceSchema, { content });
  const routingTokens = checkContentForm({ content, content_type: type }, maxImagePixels);
  return { content, contentType: type, routingTokens, ...(detectors && { detectors }) };
}

/** What flags the pieces, by category, or by label where there is none; not a word of the content. */
export function reasonsOf(findings: readonly (Finding | null)[]): string[] {
  const telling = findings.flatMap((finding) => finding?.signals.filter(({ flags }) => flags) ?? []);
  return [...new Set(telling.map(({ category, label }) => category ?? label))].toSorted();
}

/** HTTP status for clients of other protocols: nothing of the 2xx, and 429 for "too many". */
export function statusOf({ code, status }: ConclaveError): number {
  if (code === 'RATE_LIMITED') return 429;
  if (code === 'REQUEST_TIMEOUT') return 504;
  return code === 'PARTIAL_COVERAGE' ? 503 : status;
}
