import { type NextFunction, type Request, type Response, Router } from 'express';
import { ConclaveError } from '../../contract/errors';
import {
  type Moderation,
  moderationCategories,
  type ModerationsRequest,
  moderationsRequestSchema,
  type ModerationsResponse,
  type OpenAiError,
} from '../../contract/facades';
import type { Finding } from '../../submission/judge';
import { needs } from '../access';
import { asConclaveError } from '../error-handler';
import { bodyOf } from '../json-body';
import { countRefused } from '../rate-limit';
import { contextOf } from '../request-context';
import { type FacadeDependencies, judgePieces, type Piece, readCall, statusOf } from './facade-call';
import type { ModerationCategories } from './moderation-categories';

/** Client libraries are given `…/v1` as their base, or `…/api/v1`. */
const moderationsPaths = ['/v1/moderations', '/api/v1/moderations'];

/** OpenAI's moderations. What was not judged as far as the bundle asks is an error, unless something was found. */
export function moderationsRouter(deps: FacadeDependencies): Router {
  const router = Router();

  router.post(
    moderationsPaths,
    needs('orchestrate:write', { facade: true, countsItself: true, leaves: 'decision' }),
    ...readCall(deps),
    async (request, response) => {
      const inputs = inputsOf(bodyOf(request, moderationsRequestSchema, 'all').input);
      const pieces = inputs.flat();
      const findings = await judgePieces(deps, request, response, pieces);
      const partOf = new Map(pieces.map((piece, index) => [piece, { piece, finding: findings[index]! }]));
      const body: ModerationsResponse = {
        id: `modr-${contextOf(response).requestId}`,
        model: modelOf(findings),
        results: inputs.map((input) =>
          moderationOf(
            input.map((piece) => partOf.get(piece)!),
            deps.categories,
          ),
        ),
      };
      response.json(body);
    },
  );

  router.use(moderationsPaths, countRefused, answerOpenAiError);
  return router;
}

/** The pieces of each input. */
function inputsOf(input: ModerationsRequest['input']): Piece[][] {
  if (typeof input === 'string') return [[{ content: input, type: 'text' }]];
  const parts = input.map((part): Piece => {
    if (typeof part === 'string') return { content: part, type: 'text' };
    return part.type === 'text'
      ? { content: part.text, type: 'text' }
      : { content: part.image_url.url, type: 'image' };
  });
  return input.every((part) => typeof part === 'string') ? parts.map((part) => [part]) : [parts];
}

/** Names what judged, where a client looks for it. */
function modelOf(findings: readonly (Finding | null)[]): string {
  const version = findings.find((finding) => finding?.policyVersion)?.policyVersion;
  return version ? `conclave-${version}` : 'conclave';
}

interface Part {
  readonly piece: Piece;
  readonly finding: Finding | null;
}

/** @throws ConclaveError when it cannot be said that nothing is wrong with a part */
function moderationOf(parts: readonly Part[], categories: ModerationCategories): Moderation {
  const flagged = parts.some(({ finding }) => finding?.flagged);
  const shortfall = parts.find(({ finding }) => finding?.shortfall)?.finding?.shortfall;
  if (shortfall && !flagged) {
    throw new ConclaveError(shortfall.code, shortfall.message, {
      ...(shortfall.retryAfterSeconds === null ? {} : { retryAfterSeconds: shortfall.retryAfterSeconds }),
    });
  }
  const scores: Record<string, number> = Object.fromEntries(moderationCategories.map((name) => [name, 0]));
  const applied: Record<string, ('text' | 'image')[]> = Object.fromEntries(
    moderationCategories.map((name) => [name, []]),
  );
  const found = new Set<string>();
  const applies = (name: string, { type }: Piece): void => {
    applied[name] = [...new Set([...(applied[name] ?? []), type])];
  };
  for (const { piece, finding } of parts) {
    if (!finding) continue;
    for (const name of categories.lookedForBy(finding.judgedBy)) applies(name, piece);
    for (const { category, label, strength, benign, flags } of finding.signals) {
      const name = (category === null ? null : categories.of(category)) ?? category ?? label;
      if (benign || (!flags && scores[name] === undefined)) continue;
      scores[name] = Math.max(scores[name] ?? 0, Number(strength.toFixed(6)));
      applies(name, piece);
      if (flags) found.add(name);
    }
  }
  return {
    flagged,
    categories: Object.fromEntries(Object.keys(scores).map((name) => [name, found.has(name)])),
    category_scores: scores,
    category_applied_input_types: applied,
  };
}

function answerOpenAiError(error: unknown, _request: Request, response: Response, next: NextFunction): void {
  if (response.headersSent) {
    next(error);
    return;
  }
  const known = asConclaveError(error);
  const status = statusOf(known);
  const body: OpenAiError = {
    error: {
      message: known.message,
      type: typeOf(status),
      param: known.fieldErrors[0]?.path ?? null,
      code: known.detail ?? known.code.toLowerCase(),
    },
  };
  if (known.retryAfterSeconds !== null)
    response.set('Retry-After', String(Math.ceil(known.retryAfterSeconds)));
  response.status(status).json(body);
}

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}
