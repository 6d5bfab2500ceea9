import { createHash } from 'node:crypto';
import { type Request, type Response, Router } from 'express';
import { batchEnvelopeSchema } from '../contract/batch';
import type { ContentIntake } from '../content/intake';
import { ConclaveError } from '../contract/errors';
import { orchestrationRequestSchema } from '../contract/request';
import { namePattern, tenantPattern } from '../contract/text';
import type { Batches, BatchItem } from '../submission/batches';
import { canonicalJson } from '../submission/fingerprint';
import { atFloodgate } from './floodgate';
import { bodyOf, readBody } from './json-body';
import { idempotencyKeyOf, type OrchestrateRouterDependencies, refuseCallback } from './orchestrate-router';
import { contextOf } from './request-context';
import { tenantOf } from './tenant-header';
import { validate } from './validate';

export interface BatchRouterDependencies extends Pick<
  OrchestrateRouterDependencies,
  'rateLimit' | 'rateLimitOf' | 'maxBodyBytes' | 'approach' | 'intake'
> {
  readonly batches: Pick<Batches, 'submit'>;
}

/** POST /orchestrate/batch (spec/orchestration.md 1.2): what is wrong with the call refuses it, what is wrong with an item is the item's. */
export function batchRouter(deps: BatchRouterDependencies): Router {
  const router = Router();

  const read = [atFloodgate(deps.approach), ...readBody(deps.maxBodyBytes)];

  router.post('/orchestrate/batch', ...read, async (request, response) => {
    const { correlationId, traceparent, receivedAt } = contextOf(response);
    const idempotencyKey = requiredKeyOf(request);
    response.set('Idempotency-Key', idempotencyKey);
    const { requests, async_processing: async, batch_id } = bodyOf(request, batchEnvelopeSchema);
    const tenantId = tenantOfAll(requests, tenantOf(request));
    const items = await Promise.all(requests.map((sent) => admit(deps.intake, sent, async, receivedAt)));
    await charge(deps, items, response);
    const answer = await deps.batches.submit({
      items,
      tenantId,
      idempotencyKey,
      batchId: batch_id ?? null,
      correlationId,
      traceparent,
      receivedAt,
    });
    if (answer.replayed) response.set('Idempotency-Replayed', 'true');
    response.status(200).type('application/json').send(answer.body);
  });

  return router;
}

function requiredKeyOf(request: Request): string {
  const key = idempotencyKeyOf(request);
  if (key !== null) return key;
  throw new ConclaveError('INVALID_REQUEST', 'a batch needs an Idempotency-Key', {
    detail: 'idempotency_key_required',
    fieldErrors: [{ path: 'Idempotency-Key', message: 'is required; a UUID is best' }],
  });
}

/** Whom the batch is for; also a faulty item must not name another. Null when nobody is named. */
function tenantOfAll(requests: readonly unknown[], named: string | null): string | null {
  const tenants = new Set(requests.flatMap((sent) => textIn(sent, 'tenant_id', tenantPattern) ?? []));
  if (named !== null) tenants.add(named);
  if (tenants.size > 1) {
    throw new ConclaveError('INSUFFICIENT_RBAC', 'the items and X-Tenant-ID name different tenants', {
      detail: 'tenant_mismatch',
    });
  }
  return [...tenants][0] ?? null;
}

async function admit(
  intake: Pick<ContentIntake, 'take'>,
  sent: unknown,
  async: boolean,
  receivedAt: number,
): Promise<BatchItem> {
  try {
    const valid = validate(orchestrationRequestSchema, sent);
    refuseCallback(valid.metadata);
    return await intake.take(async ? { ...valid, processing_mode: 'async' } : valid, receivedAt);
  } catch (error) {
    if (!(error instanceof ConclaveError)) throw error;
    const wantsJob = async || textIn(sent, 'processing_mode', /^async$/) !== null;
    return {
      fault: error,
      mode: wantsJob ? 'async' : 'sync',
      policyBundle: textIn(sent, 'policy_bundle', namePattern) ?? '',
      digest: createHash('sha256').update(canonicalJson({ sent, async })).digest('hex'),
    };
  }
}

/** Every item counts; a batch for which not enough is left is refused as a whole, before any of it runs. */
async function charge(
  { rateLimit, rateLimitOf }: BatchRouterDependencies,
  items: readonly BatchItem[],
  response: Response,
): Promise<void> {
  const counts = new Map<string, { readonly perMinute: number; items: number }>();
  for (const item of items) {
    if (!('request' in item)) continue;
    const { tenant_id: tenant, policy_bundle: bundle } = item.request;
    const key = `${tenant}/${bundle}`;
    const counted = counts.get(key) ?? { perMinute: rateLimitOf(tenant, bundle), items: 0 };
    counted.items++;
    counts.set(key, counted);
  }
  for (const [key, { perMinute, items: cost }] of counts) {
    await rateLimit.consume(key, perMinute, response, cost);
  }
}

function textIn(sent: unknown, key: string, pattern: RegExp): string | null {
  if (typeof sent !== 'object' || sent === null) return null;
  const value = (sent as Readonly<Record<string, unknown>>)[key];
  return typeof value === 'string' && pattern.test(value) ? value : null;
}
