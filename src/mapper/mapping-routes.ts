import { type Response, Router } from 'express';
import { internalError, MapperError } from './errors';
import { IdempotentAnswers } from './idempotency';
import { bytesOf, parseJson, readJsonBody } from './json-body';
import type { Knowledge } from './knowledge';
import { mapFrameworks } from './map-frameworks';
import { countError, type Mapping } from './mapping';
import type { MapperMetrics } from './metrics';
import type { RateLimits } from './rate-limit';
import { localsOf } from './request-identity';
import {
  isLegacyRequest,
  type MapRequest,
  maxBatchItems,
  maxPayloadBytes,
  parseBatchRequest,
  parseFrameworkRequest,
  parseLegacyRequest,
  parseMapRequest,
} from './requests';

export interface MappingRouteDeps {
  readonly mapping: Mapping;
  readonly knowledge: Knowledge;
  readonly metrics: MapperMetrics;
  readonly limits: RateLimits;
  /** From then on a request without `metadata` or `tenant_id` is refused. */
  readonly legacyRequestSunset: Date;
}

const maxBatchBytes = maxBatchItems * maxPayloadBytes + 1024;
const maxFrameworkBytes = 4 * maxPayloadBytes;

/** The contract paths that map: `/map`, `/map/batch` and `/map/frameworks` (spec/mapper.md 2 and 3). */
export function mappingRoutes({
  mapping,
  knowledge,
  metrics,
  limits,
  legacyRequestSunset,
}: MappingRouteDeps): Router {
  const router = Router();
  const answers = new IdempotentAnswers();

  router.use(['/api/v1/map', '/map'], function measure(_request, response, next) {
    const stop = metrics.duration.startTimer();
    response.once('finish', () => {
      stop();
      if (response.statusCode !== 200)
        metrics.requests.inc({ detector: 'other', status: response.statusCode });
    });
    next();
  });

  router.post(
    ['/api/v1/map', '/map'],
    limits.limit('map'),
    readJsonBody(maxPayloadBytes),
    (request, response) => {
      const body = bytesOf(request);
      const payload = readPayload(parseJson(body), response);
      mapping.admit(payload, localsOf(response).tenant);
      send(
        response,
        answers.answer(request.get('idempotency-key'), { scope: `map ${payload.tenant_id}`, body }, () =>
          JSON.stringify(mapping.map(payload)),
        ),
      );
    },
  );

  router.post(
    ['/api/v1/map/batch', '/map/batch'],
    limits.limit('map_batch'),
    readJsonBody(maxBatchBytes),
    async (request, response) => {
      const body = bytesOf(request);
      const items = parseBatchRequest(parseJson(body));
      await limits.charge('map_batch', response, items.length - 1);
      const { tenant } = localsOf(response);
      const mayHoldLargeItems = body.length > maxPayloadBytes;
      send(
        response,
        answers.answer(request.get('idempotency-key'), { scope: `batch ${tenant ?? ''}`, body }, () =>
          JSON.stringify(mapBatch(items, tenant, mayHoldLargeItems)),
        ),
      );
    },
  );

  router.post(
    '/api/v1/map/frameworks',
    limits.limit('map'),
    readJsonBody(maxFrameworkBytes),
    (request, response) => {
      const startedAt = performance.now();
      const wanted = parseFrameworkRequest(parseJson(bytesOf(request)));
      const answer = mapFrameworks(wanted, knowledge);
      const { requestId, correlationId } = localsOf(response);
      response.json({
        request_id: requestId,
        success: true,
        timestamp: new Date().toISOString(),
        processing_time_ms: Math.round(performance.now() - startedAt),
        correlation_id: correlationId,
        ...answer,
        ...withoutModel(wanted.canonical_results.length),
      });
    },
  );

  function readPayload(body: unknown, response: Response): MapRequest {
    if (!isLegacyRequest(body)) return parseMapRequest(body);
    const payload = parseLegacyRequest(body, localsOf(response).tenant);
    if (Date.now() >= legacyRequestSunset.getTime()) {
      throw new MapperError(
        'INVALID_REQUEST',
        'Requests without metadata or tenant_id are no longer accepted.',
        {
          detail: 'legacy_request_sunset',
        },
      );
    }
    metrics.deprecated.inc({ type: 'DetectorRequest' });
    response.set('Deprecation', 'true');
    response.set('Sunset', legacyRequestSunset.toUTCString());
    response.set('Link', '</api/v1/map>; rel="successor-version"');
    return payload;
  }

  function mapBatch(items: unknown[], tenant: string | undefined, mayHoldLargeItems: boolean) {
    const errors: { index: number; error_code: string; message: string; retryable: boolean }[] = [];
    const results = items.map((item, index) => {
      try {
        if (mayHoldLargeItems) refuseLargeItem(item);
        const payload = parseMapRequest(item);
        mapping.admit(payload, tenant);
        return mapping.map(payload);
      } catch (error) {
        const known = error instanceof MapperError ? error : internalError();
        countError(metrics, known);
        metrics.requests.inc({ detector: 'other', status: known.status });
        errors.push({ index, error_code: known.code, message: known.message, retryable: known.retryable });
        return null;
      }
    });
    return { results, errors: errors.length > 0 ? errors : null };
  }

  return router;
}

function refuseLargeItem(item: unknown): void {
  if (Buffer.byteLength(JSON.stringify(item)) <= maxPayloadBytes) return;
  throw new MapperError('INVALID_REQUEST', `A payload may have at most ${maxPayloadBytes} bytes.`, {
    detail: 'body_too_large',
  });
}

function send(response: Response, { answer, replayed }: { answer: string; replayed: boolean }): void {
  if (replayed) response.set('Idempotency-Replayed', 'true');
  response.type('json').send(answer);
}

/** What an answer without a model cost: nothing is metered before billing exists. */
function withoutModel(batchSize: number) {
  return {
    cost_metrics: {
      tokens_processed: 0,
      inference_cost: 0,
      storage_cost: 0,
      total_cost: 0,
      cost_per_request: 0,
    },
    model_metrics: {
      model_name: 'none',
      model_version: 'none',
      inference_time_ms: 0,
      gpu_utilization: 0,
      memory_usage_mb: 0,
      batch_size: batchSize,
    },
  };
}
