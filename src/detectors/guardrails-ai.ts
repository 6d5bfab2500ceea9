import { z } from 'zod';
import type { DetectorAdapter, DetectorItem, RawFinding } from './adapter';
import { paramsFor } from './detector-params';
import { eachItem } from './each-item';
import { under } from './endpoint';
import { certain, found, insideOf } from './finding-list';
import { type DetectorHttpClient, invalid } from './http-client';
import { labelSchema } from './label-schema';
import { requestHeaders } from './request-headers';

const summarySchema = z.object({
  validatorName: labelSchema,
  validatorStatus: z.string(),
  errorSpans: z.array(z.object({ start: z.int().nonnegative(), end: z.int().nonnegative() })).nullish(),
});
const answerSchema = z.object({
  validationPassed: z.boolean(),
  validationSummaries: z.array(summarySchema).nullish(),
});

/**
 * Guardrails AI's server (spec/detector-protocols.md). A guard whose validators raise answers 400, which is a failure
 * of the call and never clean: such validators need `on_fail: noop`.
 */
export function guardrailsAi(http: DetectorHttpClient): DetectorAdapter {
  return (request, signal) =>
    eachItem(request.items, async (item) => {
      const { guard, num_reasks, prompt_params, metadata } = paramsFor('guardrails-ai', request);
      const body = await http.post({
        called: request,
        url: under(request.call.endpoint, `/guards/${guard}/validate`),
        headers: await requestHeaders(request, item),
        body: {
          llmOutput: item.content,
          numReasks: num_reasks,
          ...(prompt_params && { promptParams: prompt_params }),
          ...(metadata && { metadata }),
        },
        signal,
      });
      const parsed = answerSchema.safeParse(body);
      if (!parsed.success) throw invalid('the answer has no validationPassed');
      const { validationPassed, validationSummaries } = parsed.data;
      const failed = (validationSummaries ?? []).filter(({ validatorStatus }) => validatorStatus === 'fail');
      const findings = failed.flatMap((summary) => findingsOf(summary, item));
      return found(validationPassed || findings.length > 0 ? findings : [certain('validation_failed')]);
    });
}

function findingsOf(summary: z.output<typeof summarySchema>, item: DetectorItem): RawFinding[] {
  const finding = certain(summary.validatorName);
  const spans = summary.errorSpans ?? [];
  return spans.length === 0
    ? [finding]
    : spans.map(({ start, end }) => ({ ...finding, ...insideOf(item, start, end) }));
}
