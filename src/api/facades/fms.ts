import { type NextFunction, type Request, type Response, Router } from 'express';
import { type FmsError, fmsRequestSchema, type FmsResponse } from '../../contract/facades';
import { needs } from '../access';
import { asConclaveError } from '../error-handler';
import { bodyOf } from '../json-body';
import { countRefused } from '../rate-limit';
import { ConclaveError } from '../../contract/errors';
import type { Finding } from '../../submission/judge';
import { type FacadeDependencies, judgePieces, readCall, statusOf } from './facade-call';

export const fmsPath = '/api/v2/text/detection/content';

/**
 * The FMS Guardrails Orchestrator's content detection, v2. The detectors asked for are required beside the bundle's own;
 * the answer is theirs only, and an error unless each of them, and as much as the bundle asks for, has judged.
 */
export function fmsRouter(deps: FacadeDependencies): Router {
  const router = Router();

  router.post(
    fmsPath,
    needs('orchestrate:write', { facade: true, countsItself: true, leaves: 'decision' }),
    ...readCall(deps),
    async (request, response) => {
      const { content, detectors } = bodyOf(request, fmsRequestSchema, 'all');
      const asked = Object.keys(detectors);
      const [finding] = await judgePieces(deps, request, response, [
        { content, type: 'text', detectors: asked },
      ]);
      const body: FmsResponse = {
        detections: finding ? detectionsIn(content, whole(finding, asked), detectors) : [],
      };
      response.json(body);
    },
  );

  router.use(fmsPath, countRefused, answerFmsError);
  return router;
}

/** @throws ConclaveError unless all that was to judge has judged */
function whole(finding: Finding, asked: readonly string[]): Finding {
  const { shortfall, judgedBy, silent } = finding;
  const missing = asked.filter((name) => !judgedBy.includes(name));
  if (shortfall === null && missing.length === 0) return finding;
  const names = missing.length > 0 ? missing : silent;
  const about = names.length > 0 ? `; not judged by: ${names.join(', ')}` : '';
  const code = shortfall?.code ?? 'PARTIAL_COVERAGE';
  throw new ConclaveError(code, `${shortfall?.message ?? 'a detector has not answered'}${about}`, {
    ...(shortfall?.retryAfterSeconds ? { retryAfterSeconds: shortfall.retryAfterSeconds } : {}),
  });
}

function detectionsIn(
  content: string,
  { signals }: Finding,
  asked: Readonly<Record<string, { readonly threshold?: number | undefined }>>,
): FmsResponse['detections'] {
  const characters = [...content];
  return signals
    .filter(({ benign, detector }) => !benign && Object.hasOwn(asked, detector))
    .filter(({ detector, strength }) => strength >= (asked[detector]?.threshold ?? 0))
    .map(({ detector, label, category, strength, start, end }) => {
      const [from, to] = [start ?? 0, end ?? characters.length];
      return {
        start: from,
        end: to,
        text: characters.slice(from, to).join(''),
        detection: label,
        detection_type: category ?? label,
        detector_id: detector,
        score: Number(strength.toFixed(6)),
      };
    })
    .toSorted((a, b) => a.start - b.start || a.end - b.end);
}

function answerFmsError(error: unknown, _request: Request, response: Response, next: NextFunction): void {
  if (response.headersSent) {
    next(error);
    return;
  }
  const known = asConclaveError(error);
  const body: FmsError = { code: fmsStatusOf(known), details: known.message };
  if (known.retryAfterSeconds !== null) response.set('Retry-After', String(known.retryAfterSeconds));
  response.status(body.code).json(body);
}

/** As the FMS orchestrator has it: 404 for a detector nobody knows, 422 for what is wrong with the body. */
function fmsStatusOf(error: ConclaveError): number {
  if (error.detail === 'unknown_detector') return 404;
  if (error.detail === 'validation_failed' || error.detail === 'invalid_json') return 422;
  return statusOf(error);
}
