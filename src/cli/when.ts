import { InvalidArgumentError } from 'commander';

const dayMs = 86_400_000;

/** A point in time out of a command line. @returns as the API takes it */
export function whenText(text: string): string {
  const days = /^(\d{1,4})d$/.exec(text)?.[1];
  const when = days === undefined ? Date.parse(text) : Date.now() + Number(days) * dayMs;
  if (Number.isFinite(when)) return new Date(when).toISOString();
  throw new InvalidArgumentError('must be a date, a time, or days such as 30d');
}
