import { z } from 'zod';

/** Of minute, hour, day of the month, month, day of the week: the least and the greatest. */
const bounds = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 6],
] as const;
const part = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/;

/** When something is done again and again, in UTC. */
export const cronSchema = z.string().refine(isCron, {
  error: 'must be five fields of numbers, lists, ranges and steps, like 0 5 1 */6 *',
});

function isCron(text: string): boolean {
  const fields = text.split(' ');
  return (
    fields.length === bounds.length &&
    fields.every((field, at) => field.split(',').every((one) => isWithin(one, bounds[at]!)))
  );
}

function isWithin(text: string, [least, greatest]: (typeof bounds)[number]): boolean {
  const found = part.exec(text);
  if (!found) return false;
  const [, from = least, to = from, step = 1] = found;
  const isInOrder = least <= Number(from) && Number(from) <= Number(to) && Number(to) <= greatest;
  return isInOrder && 1 <= Number(step) && Number(step) <= greatest;
}
