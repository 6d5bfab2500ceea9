import { type NextFunction, type Request, type Response, Router } from 'express';
import { portkeyRequestSchema, type PortkeyResponse } from '../../contract/facades';
import type { Finding } from '../../submission/judge';
import { needs } from '../access';
import { asConclaveError } from '../error-handler';
import { bodyOf } from '../json-body';
import { countRefused } from '../rate-limit';
import { type FacadeDependencies, judgePieces, readCall, reasonsOf } from './facade-call';
import { maxPieces } from './litellm';
import { piecesOf } from './message-pieces';

export const portkeyPath = '/webhooks/portkey';
/** Portkey lets the traffic pass after 3 s without an answer. */
const withinMs = 2500;

/**
 * Portkey's guardrail webhook. It lets traffic pass after an error of the hook, so every fault is a verdict: false, with
 * status 200.
 */
export function portkeyRouter(deps: FacadeDependencies): Router {
  const router = Router();

  router.post(
    portkeyPath,
    needs('orchestrate:write', { facade: true, countsItself: true, leaves: 'decision' }),
    ...readCall(deps),
    async (request, response) => {
      const { eventType, request: asked, response: answered } = bodyOf(request, portkeyRequestSchema, 'all');
      const side = eventType === 'beforeRequestHook' ? asked : answered;
      const pieces = piecesOf(side?.json, side?.text ?? null);
      if (pieces.length > maxPieces) {
        response.json(verdict(false, `not judged: more than ${maxPieces} pieces in one call`));
        return;
      }
      if (pieces.length === 0) {
        response.json(verdict(false, 'not judged: no text was found in the call'));
        return;
      }
      const findings = await judgePieces(deps, request, response, pieces, withinMs);
      response.json(verdictOn(findings));
    },
  );

  router.use(portkeyPath, countRefused, answerAsVerdict);
  return router;
}

function verdictOn(findings: readonly (Finding | null)[]): PortkeyResponse {
  const reasons = reasonsOf(findings);
  const ids = findings.flatMap((finding) => finding?.requestId ?? []);
  if (reasons.length > 0) return verdict(false, `found: ${reasons.join(', ')}`, ids, reasons);
  const shortfall = findings.find((finding) => finding?.shortfall)?.shortfall;
  return shortfall ? verdict(false, `not judged: ${shortfall.message}`, ids) : verdict(true, null, ids);
}

function verdict(
  isSound: boolean,
  reason: string | null,
  request_ids: string[] = [],
  categories: string[] = [],
): PortkeyResponse {
  return { verdict: isSound, data: { reason, request_ids, categories } };
}

function answerAsVerdict(error: unknown, _request: Request, response: Response, next: NextFunction): void {
  if (response.headersSent) {
    next(error);
    return;
  }
  response.status(200).json(verdict(false, `not judged: ${asConclaveError(error).message}`));
}
