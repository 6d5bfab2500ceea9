import { z } from 'zod';
import type { DetectorParams } from '../contract/detector-params';
import { own } from '../domain/collections';
import type { DetectorAdapter, DetectorItem, DetectorRequest, ItemAnswer } from './adapter';
import { paramsFor } from './detector-params';
import { eachItem } from './each-item';
import { under } from './endpoint';
import { found, gap, label } from './finding-list';
import { type DetectorHttpClient, invalid } from './http-client';
import { asDataUrl } from './image-content';
import { requestHeaders } from './request-headers';

const resultSchema = z.object({
  flagged: z.boolean(),
  // Newer models leave categories open as null where an older snapshot has none.
  categories: z.record(z.string(), z.boolean().nullable()),
  category_scores: z.record(z.string(), z.number().nullable()),
  category_applied_input_types: z.record(z.string(), z.array(z.string())).nullish(),
});
type Result = z.output<typeof resultSchema>;
type Params = DetectorParams<'openai-moderations'>;

/** OpenAI's moderations endpoint, and whoever speaks it (spec/detector-protocols.md): a list of texts, or one image. */
export function openaiModerations(http: DetectorHttpClient): DetectorAdapter {
  async function ask(
    request: DetectorRequest,
    input: unknown,
    item: DetectorItem | undefined,
    signal: AbortSignal,
  ) {
    const { model } = paramsFor('openai-moderations', request);
    const body = await http.post({
      called: request,
      url: under(request.call.endpoint, '/v1/moderations'),
      headers: await requestHeaders(request, item),
      body: { model, input },
      signal,
    });
    const parsed = z.object({ results: z.array(resultSchema) }).safeParse(body);
    if (!parsed.success) throw invalid('the answer has no list of results with categories and scores');
    return parsed.data.results;
  }

  return async function callModerations(request, signal) {
    const params = paramsFor('openai-moderations', request);
    if (request.contentType === 'image') {
      // A list of parts is one input, so images cannot share a call.
      return eachItem(request.items, async (item) => {
        const image = { type: 'image_url', image_url: { url: asDataUrl(item.content) } };
        const results = await ask(request, [image], item, signal);
        return read(only(results), params, 'image');
      });
    }
    const contents = request.items.map(({ content }) => content);
    const results = await ask(request, contents, undefined, signal);
    if (results.length !== contents.length) {
      throw invalid(`the answer has ${results.length} results for ${contents.length} inputs`);
    }
    return results.map((result) => read(result, params, 'text'));
  };
}

function only(results: readonly Result[]): Result {
  const [result, ...more] = results;
  if (!result || more.length > 0) throw invalid(`the answer has ${results.length} results for one image`);
  return result;
}

function read(result: Result, params: Params, inputType: 'text' | 'image'): ItemAnswer {
  const relied = params.categories ?? Object.keys(result.categories);
  const findings = Object.entries(result.categories).flatMap(([category, flagged]) => {
    const score = own(result.category_scores, category) ?? null;
    const threshold = own(params.thresholds, category);
    const isFinding = threshold === undefined ? flagged === true : score !== null && score >= threshold;
    return isFinding ? label(category, score) : [];
  });
  if (result.flagged && findings.length === 0 && Object.keys(params.thresholds).length === 0) {
    throw invalid('the answer is flagged, but no category of it is');
  }
  const applied = result.category_applied_input_types;
  const missing = relied.filter(
    (category) =>
      typeof own(result.categories, category) !== 'boolean' ||
      (applied && !own(applied, category)?.includes(inputType)),
  );
  return found(findings, missing.length === 0 ? [] : [gap('not_applied', missing)]);
}
