import { z } from 'zod';
import type { Reply } from './server-under-test';

/** What a check found. A warning is something that Conclave can live with. */
export interface Outcome {
  readonly verdict: 'pass' | 'warn' | 'fail';
  readonly detail: string;
}

export const pass = (detail = ''): Outcome => ({ verdict: 'pass', detail });
export const warn = (detail: string): Outcome => ({ verdict: 'warn', detail });
export const fail = (detail: string): Outcome => ({ verdict: 'fail', detail });

const detectionSchema = z.object({
  start: z.int().nonnegative(),
  end: z.int().nonnegative(),
  text: z.string(),
  detection: z.string().min(1),
  detection_type: z.string().min(1),
  score: z.number().min(0).max(1),
});
const answerSchema = z.array(z.array(detectionSchema));
export type Detections = z.output<typeof answerSchema>[number];

const errorSchema = z.object({ code: z.number(), message: z.string().min(1) });

/** The lists of a good answer, or what is wrong with it. */
export function detectionsOf(reply: Reply, contents: readonly string[]): Detections[] | string {
  if (reply.status !== 200) return `answered ${reply.status}`;
  if (reply.json === undefined) return 'the answer is not JSON';
  const { data, error } = answerSchema.safeParse(reply.json);
  if (!data) {
    const [issue] = error.issues;
    return `the answer is not a list of detections per content: ${issue?.path.join('.') || 'answer'} ${issue?.message}`;
  }
  if (data.length !== contents.length) return `${data.length} lists for ${contents.length} contents`;
  for (const [index, detections] of data.entries()) {
    const fault = spanFault(detections, contents[index]!);
    if (fault !== null) return `contents[${index}]: ${fault}`;
  }
  return data;
}

/** Spans are code points, and `text` is what stands there. */
function spanFault(detections: Detections, content: string): string | null {
  const characters = [...content];
  for (const { start, end, text, detection } of detections) {
    if (start > end || end > characters.length) {
      return `the span ${start}-${end} of ${detection} lies outside the content of ${characters.length} code points`;
    }
    if (characters.slice(start, end).join('') !== text) {
      return `the text of ${detection} is not what stands at code points ${start}-${end}`;
    }
  }
  return null;
}

/** A refusal with a status of these, and `{code, message}`. */
export function refusal(reply: Reply, statuses: readonly number[]): Outcome {
  if (reply.status >= 500)
    return fail(`answered ${reply.status}: a mistake of the caller is no fault of the server`);
  if (reply.status < 400) return fail(`answered ${reply.status}`);
  const shape = errorSchema.safeParse(reply.json);
  if (!shape.success) return fail(`answered ${reply.status} without {code, message}`);
  if (!statuses.includes(reply.status))
    return warn(`answered ${reply.status}, where ${statuses.join(' or ')} is usual`);
  return shape.data.code === reply.status
    ? pass()
    : warn(`code ${shape.data.code} under status ${reply.status}`);
}
