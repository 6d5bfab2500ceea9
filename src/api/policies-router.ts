import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import type { ChangedBy } from '../contract/changed-by';
import { ConclaveError } from '../contract/errors';
import {
  type BundleHead,
  migratePoliciesSchema,
  type PoliciesMigrated,
  type PolicyDiff,
  type PolicyDocument,
  type PolicyList,
  type PolicyVersion,
  type PolicyVersionList,
  type PutPolicy,
  putPolicySchema,
  type ReviewDecision,
  reviewSchema,
  rollbackSchema,
} from '../contract/policy-store';
import { nameSchema, tenantSchema, versionSchema } from '../contract/text';
import { needs } from './access';
import { policyTexts } from './firewall';
import { bodyOf, readBody } from './json-body';
import { once } from './once';
import { byId, pageOf } from './pages';
import { authoredBy } from './principal';
import { requiredTenant, tenantOf } from './tenant-header';
import { validate } from './validate';

interface Named {
  readonly tenant_id: string;
  readonly policy_bundle: string;
}

/** With the state of the bundle that a change is to be made on. */
interface Target extends Named {
  readonly revision?: string | undefined;
}

export interface PoliciesRouterDependencies {
  readonly store: {
    get(name: Named, version?: string): Promise<PolicyDocument>;
    versions(name: Named): Promise<readonly PolicyVersion[]>;
    put(target: Target, put: PutPolicy, by: ChangedBy): Promise<PolicyVersion>;
    submit(target: Target, version: string, by: ChangedBy): Promise<PolicyVersion>;
    review(
      target: Target,
      version: string,
      review: { decision: ReviewDecision; note: string; activate: boolean },
      by: ChangedBy,
    ): Promise<PolicyVersion>;
    activate(target: Target, version: string, by: ChangedBy): Promise<PolicyVersion>;
    rollBack(target: Target, version: string, reason: string, by: ChangedBy): Promise<PolicyVersion>;
    remove(target: Target, by: ChangedBy): Promise<void>;
    diff(name: Named, from: string, to: string): Promise<PolicyDiff>;
  };
  readonly headsOf: (tenantId: string) => readonly { readonly bundle: string; readonly head: BundleHead }[];
  readonly refusedOf: (tenantId: string) => PolicyList['refused'];
  readonly status: () => PolicyList['store'];
  readonly migrate: (names: readonly Named[], dryRun: boolean, by: ChangedBy) => Promise<PoliciesMigrated>;
}

const maxBodyBytes = 2 * 1024 * 1024;
const pageSchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  page_token: z.string().max(3000).optional(),
});
const oneSchema = z.strictObject({ version: versionSchema.optional() });
const diffSchema = z.strictObject({ from: versionSchema, to: versionSchema });

/** Policies of a tenant and their versions (spec/orchestration.md 2.2, 9.2). */
export function policiesRouter(deps: PoliciesRouterDependencies): Router {
  const { store, headsOf, refusedOf, status, migrate } = deps;
  const router = Router();
  const body = readBody(maxBodyBytes);

  router.get('/policies', needs('policy:read'), (request, response) => {
    const query = validate(pageSchema, request.query);
    const tenant = requiredTenant(request);
    const all = headsOf(tenant).map(({ bundle, head }) => ({
      tenant_id: tenant,
      policy_bundle: bundle,
      active_version: head.active?.version ?? null,
      policy_digest: head.active?.checksum ?? null,
      activated_at: head.active?.activated_at ?? null,
      latest_version: head.latest_version,
      latest_status: head.latest_status,
      versions: head.versions,
    }));
    const sorted = all.toSorted((a, b) => byId([a.policy_bundle], [b.policy_bundle]));
    const { items, ...rest } = pageOf(sorted, query, (one) => [one.policy_bundle], byId);
    response.json({
      policies: [...items],
      total_count: all.length,
      ...rest,
      refused: refusedOf(tenant),
      store: status(),
    } satisfies PolicyList);
  });

  router.post(
    '/policies/migrate',
    needs('policy:write'),
    ...body,
    once(migratePoliciesSchema),
    async (request, response) => {
      const { policy_bundle: only, dry_run: dryRun } = bodyOf(request, migratePoliciesSchema);
      const tenant = requiredTenant(request);
      const bundles = only === undefined ? headsOf(tenant).map(({ bundle }) => bundle) : [only];
      const names = bundles.toSorted().map((bundle) => ({ tenant_id: tenant, policy_bundle: bundle }));
      response.json(await migrate(names, dryRun, authoredBy(request, response)));
    },
  );

  router.get('/policies/:bundle', needs('policy:read'), async (request, response) => {
    const { version } = validate(oneSchema, request.query);
    const document = await store.get(named(request), version);
    response.set('ETag', `"${document.revision}"`).json(document);
  });

  router.put(
    '/policies/:bundle',
    needs('policy:write'),
    ...body,
    once(putPolicySchema),
    async (request, response) => {
      const put = bodyOf(request, putPolicySchema, policyTexts);
      const target = targetOf(request, tenantFor(request, put));
      const made = await store.put(target, put, authoredBy(request, response));
      response
        .status(201)
        .location(`/api/v1/policies/${made.policy_bundle}?version=${made.version}`)
        .json(made);
    },
  );

  router.delete('/policies/:bundle', needs('policy:write'), once(), async (request, response: Response) => {
    await store.remove(targetOf(request), authoredBy(request, response));
    response.status(204).end();
  });

  router.get('/policies/:bundle/versions', needs('policy:read'), async (request, response) => {
    const query = validate(pageSchema, request.query);
    const all = await store.versions(named(request));
    // Their order is that in which they were made; numbered, since tokens hold text.
    const numbered = all.map((version, index) => ({
      version,
      place: String(all.length - index).padStart(9, '0'),
    }));
    const { items, ...rest } = pageOf(
      numbered,
      query,
      ({ place }) => [place],
      (a, b) => byId(b, a),
    );
    response.json({
      versions: items.map(({ version }) => version),
      total_count: all.length,
      ...rest,
    } satisfies PolicyVersionList);
  });

  router.get('/policies/:bundle/diff', needs('policy:read'), async (request, response) => {
    const { from, to } = validate(diffSchema, request.query);
    response.json(await store.diff(named(request), from, to));
  });

  router.post(
    '/policies/:bundle/versions/:version/submit',
    needs('policy:write'),
    once(),
    async (request, response) => {
      response.json(await store.submit(targetOf(request), versionOf(request), authoredBy(request, response)));
    },
  );

  router.post(
    '/policies/:bundle/versions/:version/review',
    needs('policy:write'),
    ...body,
    once(reviewSchema),
    async (request, response) => {
      const review = bodyOf(request, reviewSchema);
      response.json(
        await store.review(targetOf(request), versionOf(request), review, authoredBy(request, response)),
      );
    },
  );

  router.post(
    '/policies/:bundle/versions/:version/activate',
    needs('policy:write'),
    once(),
    async (request, response) => {
      response.json(
        await store.activate(targetOf(request), versionOf(request), authoredBy(request, response)),
      );
    },
  );

  router.post(
    '/policies/:bundle/versions/:version/rollback',
    needs('policy:write'),
    ...body,
    once(rollbackSchema),
    async (request, response) => {
      const { reason } = bodyOf(request, rollbackSchema);
      response.json(
        await store.rollBack(targetOf(request), versionOf(request), reason, authoredBy(request, response)),
      );
    },
  );

  return router;
}

function named(request: Request, tenant = requiredTenant(request)): Named {
  const bundle = String(request.params['bundle']);
  return { tenant_id: tenant, policy_bundle: validate(z.object({ bundle: nameSchema }), { bundle }).bundle };
}

function targetOf(request: Request, tenant?: string): Target {
  return { ...named(request, tenant), revision: expectedRevision(request) };
}

function versionOf(request: Request): string {
  return validate(z.object({ version: versionSchema }), { version: request.params['version'] }).version;
}

/** Of If-Match; undefined: whatever it is. */
function expectedRevision(request: Request): string | undefined {
  const given = request.get('if-match');
  if (given === undefined || given.trim() === '*') return undefined;
  return given.trim().replace(/^(?:W\/)?"(.*)"$/, '$1');
}

/** Of the header or, without it, of the policy. @throws ConclaveError INSUFFICIENT_RBAC `tenant_mismatch` */
function tenantFor(request: Request, { policy }: PutPolicy): string {
  const inHeader = tenantOf(request);
  const inPolicy = tenantSchema.safeParse(policy['tenant_id']).data;
  if (inHeader !== null && inPolicy !== undefined && inHeader !== inPolicy) {
    throw new ConclaveError('INSUFFICIENT_RBAC', 'X-Tenant-ID and the policy name different tenants', {
      detail: 'tenant_mismatch',
    });
  }
  return inPolicy ?? requiredTenant(request);
}
