import { z } from 'zod';
import type { DetectorAdapter, ItemAnswer, RawFinding } from './adapter';
import { promptOf } from './conversation';
import { paramsFor } from './detector-params';
import { eachItem } from './each-item';
import { under } from './endpoint';
import { certain, found, label } from './finding-list';
import { type DetectorHttpClient, invalid } from './http-client';
import { labelSchema } from './label-schema';
import { requestHeaders } from './request-headers';

/** Scores below 0 are a scanner's way to say that it had nothing to do. */
const answerSchema = z.object({ is_valid: z.boolean(), scanners: z.record(labelSchema, z.number()) });

/** LLM Guard's API (spec/detector-protocols.md). Output is judged beside the prompt that it answers. */
export function llmGuard(http: DetectorHttpClient): DetectorAdapter {
  return (request, signal) =>
    eachItem(request.items, async (item) => {
      const { target, api, scanners_suppress, threshold } = paramsFor('llm-guard', request);
      const body = await http.post({
        called: request,
        url: under(request.call.endpoint, `/${api}/${target}`),
        headers: await requestHeaders(request, item),
        body:
          target === 'prompt'
            ? { prompt: item.content, scanners_suppress }
            : { prompt: promptOf(item), output: item.content, scanners_suppress },
        signal,
      });
      const parsed = answerSchema.safeParse(body);
      if (!parsed.success) throw invalid('the answer has no is_valid and scanners');
      return read(parsed.data, threshold);
    });
}

/** Which scanner refused is in the scores alone; that one did is a finding even when none says so. */
function read(
  { is_valid, scanners }: z.output<typeof answerSchema>,
  threshold: number | undefined,
): ItemAnswer {
  const scoring = (is: (score: number) => boolean): RawFinding[] =>
    Object.entries(scanners).flatMap(([name, score]) => (is(score) ? label(name, score) : []));
  const over = threshold === undefined ? [] : scoring((score) => score >= threshold);
  if (over.length > 0 || is_valid) return found(over);
  const risky = scoring((score) => score > 0);
  return found(risky.length > 0 ? risky : [certain('invalid')]);
}
