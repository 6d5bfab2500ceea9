import express, { type ErrorRequestHandler, type Express, type Request, type RequestHandler } from 'express';
import type { Logger } from 'pino';
import type { BuiltinDetector } from '../builtin/builtin-detector';
import { builtinDetectors } from '../builtin/catalog';
import { MAX_BATCH, MAX_BODY_BYTES, parseContentsRequest } from './contents-request';
import { DetectionOverloadError, DetectionTimeoutError, type DetectionRunner } from './detection-runner';
import { ServiceError } from './service-error';

export interface DetectorAppDependencies {
  readonly runner: DetectionRunner;
  readonly logger: Logger;
}

/** The FMS / TrustyAI Detectors API over all builtin detectors (spec/detector-protocols.md, first entry). */
export function createDetectorApp({ runner, logger }: DetectorAppDependencies): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(echoCorrelation);

  only(app, 'get', '/health', (_, response) => void response.json({ status: 'healthy' }));
  only(app, 'get', '/capabilities', (request, response) => {
    const isForOne = request.get('detector-id') !== undefined;
    response.json(isForOne ? describe(findDetector(request)) : listDetectors());
  });
  only(app, 'get', '/api/v1/detectors', (_, response) => void response.json(listDetectors()));
  only(app, 'post', '/api/v1/text/contents', requireJson, readBody, async (request, response) => {
    const detector = findDetector(request);
    const { contents, params } = parseContentsRequest(bodyOf(request), detector);
    const outcome = await runner.run({ detector: detector.name, contents, params });
    if (outcome.kind !== 'judged') throw new ServiceError(422, `${outcome.field}: ${outcome.problem}`);
    response.json(outcome.findings);
  });

  app.use(() => {
    throw new ServiceError(404, 'no such path');
  });
  app.use(answerError(logger));
  return app;
}

/** Serves one method of a path and says 405 to the others. */
function only(app: Express, method: 'get' | 'post', path: string, ...handlers: RequestHandler[]): void {
  const allowed = method === 'get' ? 'GET, HEAD' : 'POST';
  app
    .route(path)
    [method](...handlers)
    .all(() => {
      throw new ServiceError(405, `this path takes ${allowed}`, { Allow: allowed });
    });
}

const visibleAscii = /^[\x21-\x7e]{1,128}$/;

const echoCorrelation: RequestHandler = (request, response, next) => {
  response.set('Cache-Control', 'no-store');
  for (const name of ['X-Correlation-ID', 'X-Request-ID']) {
    const id = request.get(name);
    if (id !== undefined && visibleAscii.test(id)) response.set(name, id);
  }
  next();
};

const requireJson: RequestHandler = (request, _, next) => {
  const [type, charset] = (request.get('content-type') ?? '').toLowerCase().split(/;\s*charset=/);
  const isUtf8 = charset === undefined || /^"?utf-?8"?\s*$/.test(charset);
  if (type?.trim() !== 'application/json' || !isUtf8)
    throw new ServiceError(415, 'the body must be application/json in UTF-8');
  next();
};

const readBody = express.raw({ type: () => true, limit: MAX_BODY_BYTES });

/** An absent body leaves no buffer behind. */
const bodyOf = (request: Request): Buffer => (Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0));

function findDetector(request: Request): BuiltinDetector {
  const id = request.get('detector-id');
  if (id === undefined) throw new ServiceError(422, 'header detector-id: required');
  const detector = builtinDetectors.get(id);
  if (detector === undefined) throw new ServiceError(404, 'header detector-id: no such detector');
  return detector;
}

function describe({ name, version, maxContentLength, taxonomyCategories, looksAt }: BuiltinDetector) {
  return {
    detector: name,
    version,
    supported_content_types: contentTypesOf(name, looksAt),
    max_content_length: maxContentLength,
    taxonomy_categories: taxonomyCategories,
    confidence_calibrated: false,
    batch_supported: true,
    max_batch: MAX_BATCH,
  };
}

/** Documents come as their text. */
function contentTypesOf(name: string, looksAt: BuiltinDetector['looksAt']): string[] {
  if (looksAt === 'image') return ['image'];
  return name === 'language' ? ['text', 'document'] : ['text', 'document', 'code'];
}

function listDetectors() {
  const detectors = [...builtinDetectors.values()].map(describe);
  return { detectors, total_count: detectors.length };
}

function answerError(logger: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) return next(error);
    const { status, message, headers } = toServiceError(error);
    if (status >= 500)
      logger.error({ status, path: request.path, failure: errorName(error) }, 'detection failed');
    response.status(status).set(headers).json({ code: status, message });
  };
}

function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  if (error instanceof DetectionTimeoutError) return new ServiceError(504, 'detection took too long');
  if (error instanceof DetectionOverloadError)
    return new ServiceError(503, 'too many calls are waiting', { 'Retry-After': '1' });
  switch (bodyReaderStatus(error)) {
    case 413:
      return new ServiceError(413, `body: larger than ${MAX_BODY_BYTES} bytes`);
    case 415:
      return new ServiceError(415, 'the content encoding is not supported');
    case 400:
      return new ServiceError(422, 'body: could not be read');
    default:
      return new ServiceError(500, 'internal error');
  }
}

/** Errors of express's body reader carry the status they stand for; anything else is ours to answer for. */
function bodyReaderStatus(error: unknown): number | undefined {
  return error instanceof Error && 'status' in error && typeof error.status === 'number'
    ? error.status
    : undefined;
}

const errorName = (error: unknown): string => (error instanceof Error ? error.name : typeof error);
