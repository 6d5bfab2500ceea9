import { createHash } from 'node:crypto';
import type { Plan } from '../contract/plan';

/** SHA-256 in hex under which a plan's record is kept; whoever made a Plan and whoever ran it must name the same. */
export function planDigest(plan: Plan): string {
  return createHash('sha256').update(JSON.stringify(plan)).digest('hex');
}
