import type { Member } from '../../../src/contract/plan';
import { member } from '../activities/samples';

/** The clock of these tests, in epoch ms: well before any member is cut. */
export const startOfRun = 1500;

export function memberOf(requestId: string, overrides: Partial<Member> = {}): Member {
  return {
    ...member,
    request_id: requestId,
    content: 'twenty code points..',
    metadata: { source: 'chat' },
    prior_results: [],
    ...overrides,
  };
}
