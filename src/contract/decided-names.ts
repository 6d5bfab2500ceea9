import { z } from 'zod';

const maxNames = 200;

/** A name as a decision gives it: what a policy makes up is stored and logged, so it must be storable and have an end. */
const decidedName = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u);

export const decidedNames = z.array(decidedName).max(maxNames);

/** By name. */
export function decidedByName<Value extends z.ZodType>(value: Value) {
  return z.record(decidedName, value).refine((entries) => Object.keys(entries).length <= maxNames, {
    error: `has more than ${maxNames} names`,
  });
}
