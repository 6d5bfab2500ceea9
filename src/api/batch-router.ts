import { type Request, type Response, Router } from 'express';
import { batchEnvelopeSchema } from '../contract/batch';
import { documentIn } from '../content/content-form';
import { sha256 } from '../content/digest';
import { BatchIntake } from '../content/batch-intake';
import type { ContentIntake } from '../content/intake';
import { ConclaveError } from '../contract/errors';
import { type SentRequest, sentRequestSchema } from '../contract/request';
import { namePattern, tenantPattern } from '../contract/text';
import { canonicalJson } from '../domain/canonical-json';
import type { Batches, BatchItem, FaultyItem } from '../submission/batches';
import { fingerprintOf } from '../submission/fingerprint';
import type { End } from '../store/under-way';
import { gateOf, needs } from './access';
import { type CallbackRules, withCallback } from './callback-url';
import { atFloodgate } from './floodgate';
import { firewallOf } from './firewall';
import { bodyOf, readBody } from './json-body';
import type { Counted } from './rate-limit';
import { idempotencyKeyOf } from './idempotency-key';
import type { OrchestrateRouterDependencies } from './orchestrate-router';
import { askedBy } from './principal';
import { contextOf } from './request-context';
import { tenantOf } from './tenant-header';
import { validate } from './validate';

type Intake = Pick<ContentIntake, 'take' | 'atATime' | 'maxFetched'>;

/** An item that may be taken in. */
interface ValidItem {
  readonly sent: SentRequest;
  /** As of {@link BatchItem}. */
  readonly digest: string;
}

export interface BatchRouterDependencies extends Pick<
  OrchestrateRouterDependencies,
  'rateLimit' | 'rateLimitOf' | 'maxBodyBytes' | 'approach' | 'callbacks'
> {
  readonly intake: Intake;
  readonly batches: Pick<Batches, 'submit'>;
}

/** POST /orchestrate/batch (spec/orchestration.md 1.2): what is wrong with the call refuses it, what is wrong with an item is the item's. */
export function batchRouter(deps: BatchRouterDependencies): Router {
  const router = Router();

  const read = [atFloodgate(deps.approach), ...readBody(deps.maxBodyBytes)];

  const countsItself = needs('orchestrate:write', { countsItself: true, leaves: 'decision' });
  router.post('/orchestrate/batch', countsItself, ...read, async (request, response) => {
    const { correlationId, traceparent, receivedAt } = contextOf(response);
    const idempotencyKey = requiredKeyOf(request);
    response.set('Idempotency-Key', idempotencyKey);
    const {
      requests,
      async_processing: async,
      batch_id,
    } = bodyOf(request, batchEnvelopeSchema, ['requests']);
    const tenantId = tenantOfAll(requests, tenantOf(request));
    if (tenantId !== null) gateOf(request).requireActive(tenantId);
    const items = requests.map((sent) => validated(request, sent, async, deps.callbacks));
    // Before any of it is read: reading costs us more than the rest.
    const end = await admit(deps, items, response);
    try {
      const intake = new BatchIntake(deps.intake, receivedAt);
      const answer = await deps.batches.submit({
        items: items.map((item) => ('fault' in item ? item : toRun(item, intake))),
        tenantId,
        idempotencyKey,
        batchId: batch_id ?? null,
        correlationId,
        traceparent,
        asked: askedBy(request),
        receivedAt,
      });
      if (answer.replayed) response.set('Idempotency-Replayed', 'true');
      response.status(200).type('application/json').send(answer.body);
    } finally {
      end();
    }
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

function validated(
  request: Request,
  sent: unknown,
  async: boolean,
  callbacks: CallbackRules,
): ValidItem | FaultyItem {
  try {
    const parsed = validate(sentRequestSchema, sent);
    firewallOf(request).readBody(request, parsed, ['content']);
    const valid = withCallback<SentRequest>(parsed, callbacks);
    const asked = async ? { ...valid, processing_mode: 'async' as const } : valid;
    return { sent: asked, digest: digestOf(asked) };
  } catch (error) {
    const wantsJob = async || textIn(sent, 'processing_mode', /^async$/) !== null;
    return {
      fault: known(error),
      mode: wantsJob ? 'async' : 'sync',
      policyBundle: textIn(sent, 'policy_bundle', namePattern) ?? '',
      digest: sha256(canonicalJson({ sent, async })),
    };
  }
}

/** Taken before anything is read, since whether that succeeds depends on the load; of a file as when it was read. */
function digestOf({ content, ...sent }: SentRequest): string {
  // What a reference led to may be gone when the same batch is sent again; it is known by the reference.
  if (content === undefined) return fingerprintOf({ ...sent, content: '' }).toString('hex');
  const file = sent.content_type === 'document' ? documentIn(content) : null;
  const source = file && { digest: sha256(file), gaps: [] };
  return fingerprintOf({ ...sent, content, ...(source && { source }) }).toString('hex');
}

function toRun({ sent, digest }: ValidItem, intake: BatchIntake): BatchItem {
  const { processing_mode: mode, policy_bundle: policyBundle, priority } = sent;
  return { mode, policyBundle, priority, digest, take: () => intake.take(sent) };
}

/** @throws what is nobody's fault but ours */
function known(error: unknown): ConclaveError {
  if (error instanceof ConclaveError) return error;
  throw error;
}

/** Every item counts; a batch for which not enough is left is refused as a whole, before any of it runs. */
async function admit(
  { rateLimit, rateLimitOf }: BatchRouterDependencies,
  items: readonly (ValidItem | FaultyItem)[],
  response: Response,
): Promise<End> {
  const counts = new Map<string, Counted & { requests: number }>();
  for (const item of items) {
    if ('fault' in item) continue;
    const { tenant_id: tenantId, policy_bundle: bundle } = item.sent;
    const counted = counts.get(bundle) ?? {
      limited: { endpoint: 'batch', tenantId, bundle } as const,
      perMinute: rateLimitOf(tenantId, bundle),
      requests: 0,
    };
    counted.requests++;
    counts.set(bundle, counted);
  }
  const [first, ...rest] = counts.values();
  if (first) return rateLimit.admit(response, first, ...rest);
  await rateLimit.consume(response);
  return () => undefined;
}

function textIn(sent: unknown, key: string, pattern: RegExp): string | null {
  if (typeof sent !== 'object' || sent === null) return null;
  const value = (sent as Readonly<Record<string, unknown>>)[key];
  return typeof value === 'string' && pattern.test(value) ? value : null;
}
