import { type Request, Router } from 'express';
import { z } from 'zod';
import type { ChangedBy } from '../contract/changed-by';
import {
  type AllowList,
  type AllowListEntry,
  allowListEntryIdPattern,
  type AllowListQuery,
  allowListQuerySchema,
  type ProposeEntry,
  proposeEntrySchema,
} from '../contract/allow-list';
import { ConclaveError } from '../contract/errors';
import { needs } from './access';
import { bodyOf, readBody } from './json-body';
import { once } from './once';
import { authoredBy } from './principal';
import { requiredTenant } from './tenant-header';
import { validate } from './validate';

export interface AllowListRouterDependencies {
  readonly allowLists: {
    get(tenantId: string, entryId: string): Promise<AllowListEntry>;
    page(
      tenantId: string,
      query: AllowListQuery,
      limit: number,
      after: string | null,
    ): Promise<{
      readonly entries: readonly AllowListEntry[];
      readonly next: string | null;
      readonly total: number;
    }>;
    propose(
      tenantId: string,
      proposal: ProposeEntry,
      by: ChangedBy,
    ): Promise<{ readonly entry: AllowListEntry; readonly isNew: boolean }>;
    approve(tenantId: string, entryId: string, by: ChangedBy): Promise<AllowListEntry>;
    revoke(tenantId: string, entryId: string, by: ChangedBy): Promise<AllowListEntry>;
  };
}

const maxBodyBytes = 64 * 1024;
const listQuerySchema = allowListQuerySchema.extend({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  page_token: z
    .string()
    .regex(/^\d{1,18}$/, 'is no token that a list has given')
    .optional(),
});

/** Findings that a tenant has found to be none (docs/false-positives.md). */
export function allowListRouter({ allowLists }: AllowListRouterDependencies): Router {
  const router = Router();

  router.get('/allow-list', needs('policy:read'), async (request, response) => {
    const { limit, page_token: after, ...query } = validate(listQuerySchema, request.query);
    const { entries, next, total } = await allowLists.page(
      requiredTenant(request),
      query,
      limit,
      after ?? null,
    );
    response.json({
      entries: [...entries],
      total_count: total,
      ...(next !== null && { next_page_token: next }),
    } satisfies AllowList);
  });

  router.post(
    '/allow-list',
    needs('policy:write'),
    ...readBody(maxBodyBytes),
    once(proposeEntrySchema),
    async (request, response) => {
      const proposal = bodyOf(request, proposeEntrySchema);
      const { entry, isNew } = await allowLists.propose(
        requiredTenant(request),
        proposal,
        authoredBy(request, response),
      );
      response
        .status(isNew ? 201 : 200)
        .location(`/api/v1/allow-list/${entry.entry_id}`)
        .json(entry);
    },
  );

  router.get('/allow-list/:entry_id', needs('policy:read'), async (request, response) => {
    response.json(await allowLists.get(requiredTenant(request), entryIdOf(request)));
  });

  router.post('/allow-list/:entry_id/approve', needs('policy:write'), once(), async (request, response) => {
    const tenant = requiredTenant(request);
    response.json(await allowLists.approve(tenant, entryIdOf(request), authoredBy(request, response)));
  });

  router.delete('/allow-list/:entry_id', needs('policy:write'), once(), async (request, response) => {
    await allowLists.revoke(requiredTenant(request), entryIdOf(request), authoredBy(request, response));
    response.status(204).end();
  });

  return router;
}

/** @throws ConclaveError 404 for what is no entry's */
function entryIdOf(request: Request): string {
  const entryId = String(request.params['entry_id']);
  if (allowListEntryIdPattern.test(entryId)) return entryId;
  throw new ConclaveError('INVALID_REQUEST', 'the tenant has no such entry of its allow-list', {
    status: 404,
    detail: 'entry_not_found',
  });
}
