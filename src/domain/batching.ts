import type { Plan } from '../contract/plan';

/** Calls at a time to a detector whose protocol takes one item a call. */
export const unbatchedConcurrency = 10;

/** Members that every detector of the plan can judge at one go, so that an attempt's timeout means one call. */
export function membersAtOnce(plan: Pick<Plan, 'detectors'>): number {
  return Math.min(
    ...plan.detectors.map(({ call }) =>
      call.protocol === 'detectors-api' ? call.max_batch : Math.min(call.max_batch, unbatchedConcurrency),
    ),
    largestBatch,
  );
}

const largestBatch = 256;
