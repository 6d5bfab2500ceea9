import { z } from 'zod';
import { benignLabels, failureCauses, standInStrategies } from './enums';
import { nameSchema } from './text';

/** Short, lower case and one token, so that nobody takes it for a category of the taxonomy (spec/orchestration.md 1.7). */
const defaultLabelSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,99}$/, 'must be 1-100 lower-case letters, digits, `_` or `-`')
  .refine((label) => !benignLabels.some((benign) => benign === label), {
    error: 'must not say that nothing was found: nobody has looked',
  });

/** What is done in a detector's place when its breaker is open, or it is down, overloaded or too slow. */
export const detectorFallbackSchema = z.discriminatedUnion('strategy', [
  /** Nothing: its failure stands. The default. */
  z.strictObject({ strategy: z.literal('error') }),
  /** What it last said of the very same content, to the same tenant. */
  z.strictObject({
    strategy: z.literal('cached'),
    max_age_seconds: z.int().min(1).max(86_400).default(300),
  }),
  /** A label that warns of content nobody has judged. */
  z.strictObject({
    strategy: z.literal('default'),
    label: defaultLabelSchema,
    confidence: z.number().min(0).max(1).default(1),
  }),
  /** The same detector at another address. */
  z.strictObject({
    strategy: z.literal('redirect'),
    endpoint: z
      .string()
      .max(500)
      .regex(/^https?:\/\/[^/?#@]+([/?#]|$)/, 'must begin with http:// or https:// and hold no password')
      .refine((endpoint) => URL.canParse(endpoint), { error: 'must be an absolute URL' }),
  }),
  /** Another detector of the registry, by its name. */
  z.strictObject({ strategy: z.literal('alternate'), detector: nameSchema }),
]);
export type DetectorFallback = z.output<typeof detectorFallbackSchema>;

/** In whose place, and by what right, a result stands. */
export const standInSchema = z
  .strictObject({
    strategy: z.enum(standInStrategies),
    /** The detectors in whose place it is: itself, but for `alternate`. */
    for: z.array(z.string()).min(1),
    /** Why the first of these gave no answer: as a cause, and the token of its error. */
    cause: z.enum(failureCauses),
    error: z.string(),
    /** Of `cached`: how old the judgement is. */
    age_seconds: z.int().nonnegative().nullable(),
  })
  .meta({ id: 'StandIn' });
export type StandIn = z.output<typeof standInSchema>;
