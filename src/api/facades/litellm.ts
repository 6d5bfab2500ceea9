import { type NextFunction, type Request, type Response, Router } from 'express';
import type { ConclaveError } from '../../contract/errors';
import { type LitellmError, litellmRequestSchema, type LitellmResponse } from '../../contract/facades';
import type { Finding } from '../../submission/judge';
import { needs } from '../access';
import { asConclaveError } from '../error-handler';
import { bodyOf } from '../json-body';
import { countRefused } from '../rate-limit';
import {
  type FacadeDependencies,
  judgePieces,
  type Piece,
  readCall,
  reasonsOf,
  statusOf,
} from './facade-call';
import { toolPiece } from './message-pieces';

export const litellmPath = '/beta/litellm_basic_guardrail_api';
/** More in one call is not judged, and so blocked. */
export const maxPieces = 256;

/**
 * LiteLLM's generic guardrail. Whatever cannot be judged is BLOCKED in so many words, since a client may be told to go on
 * after an error; errors are for calls that name no content.
 */
export function litellmRouter(deps: FacadeDependencies): Router {
  const router = Router();

  router.post(
    litellmPath,
    needs('orchestrate:write', { facade: true, countsItself: true, leaves: 'decision' }),
    ...readCall(deps),
    async (request, response) => {
      const { texts, images, tools, tool_calls } = bodyOf(request, litellmRequestSchema, 'all');
      const pieces: Piece[] = [
        ...(texts ?? []).map((content) => ({ content, type: 'text' }) as const),
        ...[...(tools ?? []), ...(tool_calls ?? [])].map(toolPiece),
        ...(images ?? []).map((content) => ({ content, type: 'image' }) as const),
      ];
      const judge = () => judgePieces(deps, request, response, pieces);
      response.json(await verdictOn(pieces, texts ?? [], judge));
    },
  );

  router.use(litellmPath, countRefused, answerLitellmError);
  return router;
}

async function verdictOn(
  pieces: readonly Piece[],
  texts: readonly string[],
  judge: () => Promise<readonly (Finding | null)[]>,
): Promise<LitellmResponse> {
  if (pieces.length > maxPieces) return blocked(`not judged: more than ${maxPieces} pieces in one call`);
  try {
    const findings = await judge();
    const reasons = reasonsOf(findings);
    const instead = reasons.length > 0 ? maskedTexts(texts, findings) : null;
    if (reasons.length > 0 && !instead) return blocked(`found: ${reasons.join(', ')}`);
    const shortfall = findings.find((finding) => finding?.shortfall)?.shortfall;
    if (shortfall) return blocked(`not judged: ${shortfall.message}`);
    if (instead) return { action: 'GUARDRAIL_INTERVENED', blocked_reason: null, texts: instead };
    return { action: 'NONE', blocked_reason: null };
  } catch (error) {
    return blocked(`not judged: ${asConclaveError(error).message}`);
  }
}

/**
 * The texts without what flags them; they are the first of the pieces.
 * @returns null unless that leaves nothing that flags: images and tools are not rewritten
 */
function maskedTexts(texts: readonly string[], findings: readonly (Finding | null)[]): string[] | null {
  if (findings.slice(texts.length).some((finding) => finding?.flagged)) return null;
  const instead = texts.map((text, index) => {
    const finding = findings[index];
    return finding?.flagged ? finding.masked : text;
  });
  return instead.every((text) => text !== null) ? instead : null;
}

function blocked(reason: string): LitellmResponse {
  return { action: 'BLOCKED', blocked_reason: reason };
}

function answerLitellmError(error: unknown, _request: Request, response: Response, next: NextFunction): void {
  if (response.headersSent) {
    next(error);
    return;
  }
  const known: ConclaveError = asConclaveError(error);
  // In a flood nobody has judged it, and an error might let it pass.
  if (known.code === 'RATE_LIMITED') {
    response.json(blocked(`not judged: ${known.message}`));
    return;
  }
  const body: LitellmError = { detail: known.message };
  response.status(statusOf(known)).json(body);
}
