import { KeptAnswer } from '../store/cached-answer';
import type { Published } from '../store/outcomes';
import type { ResponseCache } from '../store/response-cache';
import type { PublishInput } from './types';

/**
 * Keeps the answers of jobs for others; those of sync requests are kept by the facade that sends them. Nobody waits for
 * it, and what goes wrong costs no more than a miss.
 */
export function rememberJobs(
  cache: Pick<ResponseCache, 'remember'> | null,
  { plan, endings }: PublishInput,
  published: readonly Published[],
): void {
  if (cache === null) return;
  endings.forEach(({ member }, index) => {
    const { jobId, answer } = published[index]!;
    if (member.cache_key === undefined || jobId === null || !answer) return;
    const kept = KeptAnswer.of(answer);
    if (kept) void cache.remember(member.cache_key, plan.tenant_id, kept);
  });
}
