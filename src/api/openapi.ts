import { z } from 'zod';
import '../contract/answer';
import '../contract/batch';
import '../contract/bulk';
import '../contract/detector-info';
import '../contract/health';
import '../contract/request';
import { allowListPaths } from './openapi-allow-list';
import type { DeclaredRoute } from './access';
import { securitySchemes, withAccess } from './openapi-access';
import { apiKeyPaths } from './openapi-api-keys';
import { auditPaths } from './openapi-audit';
import { authPaths } from './openapi-auth';
import { decisionPaths } from './openapi-decisions';
import { codecPaths } from './openapi-codec';
import { keyPaths } from './openapi-keys';
import { bulkPaths } from './openapi-bulk';
import { cachePaths } from './openapi-cache';
import { callbackPaths, callbacksOf } from './openapi-callbacks';
import { contentPaths } from './openapi-content';
import {
  answer,
  common,
  errors,
  idAfter,
  idempotencyKey,
  json,
  notFound,
  pageToken,
  pathParameter,
  query,
  ref,
} from './openapi-parts';
import { proxyPaths } from './openapi-proxy';
import { detectorWrites, registryPaths } from './openapi-registry';
import { facadePaths } from './openapi-facades';
import { shadowPaths } from './openapi-shadow';
import { statusPaths } from './openapi-status';
import { tenantPaths } from './openapi-tenants';
import { policyPaths } from './openapi-policies';
import { simulationPaths } from './openapi-simulations';
import { policyCheckPaths } from './openapi-policy-check';
import { upstreamHealthPaths } from './openapi-upstream-health';

const jobId = pathParameter('job_id', undefined, idAfter('job'));

const cacheUse = {
  headers: {
    'X-Cache': {
      description:
        'HIT: judged before, or for an identical request in flight; MISS: judged now; BYPASS: the cache had no part in it',
      schema: { enum: ['HIT', 'MISS', 'BYPASS'] },
    },
  },
};
const finalAnswers = {
  '200': answer('Judged, with enough coverage', 'OrchestrationResponse'),
  '202': answer(
    'A job goes on; `Location` is its status. Under overload a sync request becomes one at once',
    'OrchestrationResponse',
  ),
  '206': answer('PARTIAL_COVERAGE: judged, but less than the policy asks for', 'OrchestrationResponse'),
  '403': {
    ...answer(
      'INSUFFICIENT_RBAC; or RATE_LIMITED: the rate of the tenant is used up or, with detail `overloaded`, the service has more to do than it can. `Retry-After` says when to come again',
      'ErrorResponse',
    ),
    headers: {
      'Retry-After': { description: 'Seconds; on RATE_LIMITED', schema: { type: 'integer', minimum: 1 } },
    },
  },
  '408': answer('REQUEST_TIMEOUT', 'ErrorResponse'),
  '409': answer(
    'INVALID_REQUEST: `idempotency_conflict`, `content_expired`, `job_not_finished`',
    'ErrorResponse',
  ),
  '429': answer('DETECTOR_OVERLOADED', 'ErrorResponse'),
  '502': answer('ALL_DETECTORS_UNAVAILABLE or DETECTOR_COMMUNICATION_FAILED', 'ErrorResponse'),
};

const writes = detectorWrites();

const paths = {
  '/orchestrate': {
    post: {
      operationId: 'orchestrate',
      summary: 'Have content judged',
      description:
        'Answers inside the SLA of the priority: with the verdict, or with a job that goes on. `processing_mode: async` asks for a job from the start.',
      parameters: [...common, idempotencyKey],
      requestBody: { required: true, content: json('SentRequest') },
      callbacks: callbacksOf('jobEnded', '{$request.body#/metadata/callback_url}', 'JobCallback'),
      responses: {
        ...finalAnswers,
        '200': { ...finalAnswers['200'], ...cacheUse },
        '202': { ...finalAnswers['202'], ...cacheUse },
        '206': { ...finalAnswers['206'], ...cacheUse },
        ...errors,
        '404': answer(
          'INVALID_REQUEST: the Idempotency-Key names a job that does not exist, or content_ref no content',
          'ErrorResponse',
        ),
      },
    },
  },
  '/orchestrate/batch': {
    post: {
      operationId: 'orchestrateBatch',
      summary: 'Have up to 100 pieces of content judged',
      description:
        'Items of one tenant, answered in order within the largest SLA among them; one at fault fails alone. `http_status` is what the item alone would have been answered with.',
      parameters: [...common, { ...idempotencyKey, required: true }],
      requestBody: { required: true, content: json('BatchOrchestrationRequest') },
      responses: {
        '200': answer('Every item has its result, be it an error', 'BatchOrchestrationResponse'),
        '403': answer(
          'INSUFFICIENT_RBAC: an item of another tenant; RATE_LIMITED: every item counts',
          'ErrorResponse',
        ),
        '409': answer('INVALID_REQUEST: `idempotency_conflict`', 'ErrorResponse'),
        ...errors,
      },
    },
  },
  ...contentPaths(),
  '/orchestrate/status/{job_id}': {
    get: {
      operationId: 'jobStatus',
      summary: 'State, progress and result of a job',
      parameters: [jobId, ...common],
      responses: { '200': answer('The job', 'JobStatusResponse'), ...errors, ...notFound },
    },
    delete: {
      operationId: 'cancelJob',
      summary: 'Cancel a job',
      parameters: [jobId, ...common],
      responses: {
        '200': answer('The job, cancelled', 'JobStatusResponse'),
        ...errors,
        ...notFound,
        '409': answer('INVALID_REQUEST: `job_not_cancellable`', 'ErrorResponse'),
      },
    },
  },
  '/orchestrate/jobs/{job_id}/rerun': {
    post: {
      operationId: 'rerunJob',
      summary: 'Run an ended job again, all of it or what failed',
      description:
        'A new job with `parent_job_id`. Content past its retention must be sent again. Repeated with its Idempotency-Key it is answered with the 202 of that job, and with its final answer when it has ended.',
      parameters: [jobId, ...common, idempotencyKey],
      requestBody: { required: true, content: json('RerunRequest') },
      responses: {
        '200': finalAnswers['200'],
        '202': finalAnswers['202'],
        '206': finalAnswers['206'],
        '403': finalAnswers['403'],
        '409': finalAnswers['409'],
        ...errors,
        ...notFound,
      },
    },
  },
  ...cachePaths(),
  ...callbackPaths(),
  ...bulkPaths(),
  ...apiKeyPaths(),
  ...keyPaths(),
  ...tenantPaths(),
  ...authPaths(),
  ...facadePaths,
  ...policyCheckPaths(),
  ...upstreamHealthPaths(),
  ...proxyPaths(),
  ...statusPaths(),
  '/detectors': {
    get: {
      operationId: 'listDetectors',
      summary: 'Detectors that the tenant can use, with their health',
      parameters: [
        query('content_type', { enum: ['text', 'image', 'document', 'code'] }),
        query('detector_type', { type: 'string', maxLength: 100 }),
        query('status', { enum: ['active', 'inactive', 'maintenance', 'failed'] }),
        query('limit', { type: 'integer', minimum: 1, maximum: 200, default: 50 }),
        pageToken,
        ...common,
      ],
      responses: { '200': answer('A page of them, by name', 'DetectorList'), ...errors },
    },
    ...writes.list,
  },
  '/detectors/{name}': {
    get: {
      operationId: 'getDetector',
      parameters: [pathParameter('name'), ...common],
      responses: { '200': answer('The detector', 'DetectorInfo'), ...errors, ...notFound },
    },
    ...writes.one,
  },
  '/detectors/{name}/health': {
    get: {
      operationId: 'getDetectorHealth',
      parameters: [pathParameter('name'), ...common],
      responses: {
        '200': answer('Health and breaker of the detector', 'DetectorHealth'),
        ...errors,
        ...notFound,
      },
    },
  },
  ...writes.paths,
  ...registryPaths(),
  ...auditPaths(),
  ...decisionPaths(),
  ...policyPaths(),
  ...allowListPaths(),
  ...shadowPaths(),
  ...simulationPaths(),
  '/health': {
    get: {
      operationId: 'health',
      responses: { '200': answer('Always 200; `status` is the verdict', 'HealthResponse') },
    },
  },
  '/health/live': {
    get: { operationId: 'live', responses: { '200': answer('The process is alive', 'LivenessResponse') } },
  },
  '/health/ready': {
    get: {
      operationId: 'ready',
      responses: {
        '200': answer('Requests can be taken', 'ReadinessResponse'),
        '503': answer('Not now; `dependencies` says why', 'ReadinessResponse'),
      },
    },
  },
};

/** OpenAPI 3.1, generated from the schemas that the code validates with. */
export function openApiDocument(version: string, routes: readonly DeclaredRoute[]): object {
  const all = { ...paths, ...codecPaths(routes) };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Conclave',
      version,
      description: 'Durable orchestrator for content-safety and compliance detectors.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/api/v1' }],
    paths: withAccess(all, routes),
    components: {
      securitySchemes,
      schemas: schemasOf(Object.values(all).flatMap((operations) => Object.values<Operation>(operations))),
    },
  };
}

type Schemas = Readonly<Record<string, object>>;

interface Operation {
  readonly operationId: string;
  readonly requestBody?: object;
}

/** What is asked may leave out what has a default; what is answered, or both, has it. */
function schemasOf(operations: readonly Operation[]): Schemas {
  const asked = operations.map(({ requestBody = {} }) => requestBody);
  const answered = operations.map(({ requestBody: _asked, ...rest }) => rest);
  return { ...reachable(asked, generated('input')), ...reachable(answered, generated('output')) };
}

function generated(io: 'input' | 'output'): Schemas {
  const { schemas } = z.toJSONSchema(z.globalRegistry, {
    io,
    unrepresentable: 'any',
    uri: (id) => ref(id).$ref,
  });
  const plain = JSON.parse(JSON.stringify(schemas), (_key, value: unknown) =>
    isAnyJson(value) ? {} : value,
  ) as Schemas;
  return Object.fromEntries(Object.entries(plain).map(([id, schema]) => [id, withoutIds(schema)]));
}

/** zod sets its recursive "any JSON" outside the components, where no reference leads; `{}` says the same. */
function isAnyJson(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('$ref' in value)) return false;
  return String(value.$ref).startsWith(ref('__shared').$ref);
}

/** The registry knows the schemas of all rooms; the document shows what its paths lead to. */
function reachable(from: object, schemas: Schemas): Schemas {
  const found = new Set<string>();
  const follow = (value: object): void => {
    for (const [, id] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (id === undefined || found.has(id)) continue;
      found.add(id);
      follow(schemas[id]!);
    }
  };
  follow(from);
  return only(schemas, [...found]);
}

function only(schemas: Schemas, ids: readonly string[]): Schemas {
  return Object.fromEntries(ids.map((id) => [id, schemas[id]!]));
}

function withoutIds(schema: object): object {
  const { $schema: _schema, $id: _id, id: _zodId, ...rest } = schema as Record<string, unknown>;
  return rest;
}
