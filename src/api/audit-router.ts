import { Router } from 'express';
import { z } from 'zod';
import {
  type AuditList,
  type AuditQuery,
  auditQuerySchema,
  type AuditRecord,
  type AuditTrail,
  type AuditVerification,
} from '../contract/audit';
import { ConclaveError } from '../contract/errors';
import { auditFormats, auditLine, type AuditSource } from '../domain/audit-formats';
import type { AuditPage } from '../store/audit-records';
import { needs } from './access';
import { sendLines } from './send-lines';
import { tenantOf } from './tenant-header';
import { validate } from './validate';

export interface AuditRouterDependencies {
  /** Null for a tenant: all. */
  readonly records: {
    trail(requestId: string, tenantId: string | null): Promise<AuditRecord[]>;
    count(tenantId: string | null, query: AuditQuery): Promise<number>;
    page(tenantId: string | null, query: AuditQuery, limit: number, after: string | null): Promise<AuditPage>;
    all(tenantId: string | null, query: AuditQuery): AsyncIterable<AuditRecord>;
  };
  readonly verifier: {
    verify(range: { tenantId: string | null; from?: Date; to?: Date }): Promise<AuditVerification>;
  };
  readonly source: AuditSource;
}

const listQuerySchema = auditQuerySchema.extend({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  page_token: z
    .string()
    .regex(/^\d{1,18}$/, 'is no token that a list has given')
    .optional(),
});
const exportQuerySchema = auditQuerySchema.extend({ format: z.enum(auditFormats).default('ndjson') });
const verifyQuerySchema = auditQuerySchema.omit({ kind: true });

/** Of a process at a time: each reads a whole chain. */
const maxVerifying = 2;

/** The audit log: searched, exported, verified (docs/audit.md). */
export function auditRouter({ records, verifier, source }: AuditRouterDependencies): Router {
  const router = Router();
  let verifying = 0;

  router.get('/audit', needs('audit:read'), async (request, response) => {
    const { limit, page_token: after, ...query } = validate(listQuerySchema, request.query);
    const tenant = tenantOf(request);
    const [page, total] = await Promise.all([
      records.page(tenant, query, limit, after ?? null),
      records.count(tenant, query),
    ]);
    response.json({
      records: [...page.records],
      total_count: total,
      ...(page.next !== null && { next_page_token: page.next }),
    } satisfies AuditList);
  });

  router.get('/audit/export', needs('audit:read', { leaves: 'operation' }), async (request, response) => {
    const { format, ...query } = validate(exportQuerySchema, request.query);
    const tenant = tenantOf(request);
    const lines = async function* () {
      for await (const record of records.all(tenant, query)) yield `${auditLine(format, record, source)}\n`;
    };
    const contentType = format === 'ndjson' ? 'application/x-ndjson' : 'text/plain; charset=utf-8';
    await sendLines(response, contentType, lines());
  });

  router.get('/audit/verify', needs('audit:read'), async (request, response) => {
    const { from, to } = validate(verifyQuerySchema, request.query);
    if (verifying >= maxVerifying) throw overloaded();
    verifying++;
    try {
      response.json(
        await verifier.verify({
          tenantId: tenantOf(request),
          ...(from !== undefined && { from: new Date(from) }),
          ...(to !== undefined && { to: new Date(to) }),
        }),
      );
    } finally {
      verifying--;
    }
  });

  router.get('/audit/:request_id', needs('audit:read'), async (request, response) => {
    const requestId = z.uuid().safeParse(request.params['request_id']);
    const found = requestId.success ? await records.trail(requestId.data, tenantOf(request)) : [];
    if (found.length === 0) throw notOnRecord();
    response.json({ request_id: found[0]!.request_id, records: found } satisfies AuditTrail);
  });

  return router;
}

function notOnRecord(): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', 'no such request is on record', {
    status: 404,
    detail: 'request_not_found',
  });
}

function overloaded(): ConclaveError {
  return new ConclaveError('RATE_LIMITED', 'others are being verified; try again in a moment', {
    detail: 'overloaded',
    retryAfterSeconds: 5,
  });
}
