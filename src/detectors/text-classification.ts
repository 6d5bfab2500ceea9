import { z } from 'zod';
import type { DetectorParams } from '../contract/detector-params';
import type { DetectorAdapter, DetectorItem, ItemAnswer } from './adapter';
import { paramsFor } from './detector-params';
import { eachItem } from './each-item';
import { under } from './endpoint';
import { found, gap, label } from './finding-list';
import { type DetectorHttpClient, invalid } from './http-client';
import { labelSchema } from './label-schema';
import { requestHeaders } from './request-headers';

const classesSchema = z.array(z.object({ label: labelSchema, score: z.number() })).min(1);
type Classes = z.output<typeof classesSchema>;
type Params = Pick<DetectorParams<'tei'>, 'labels' | 'benign_labels' | 'threshold'>;

/**
 * Text Embeddings Inference, `/predict` (spec/detector-protocols.md). A list of two texts is one pair to it, so every
 * text goes as a list of its own.
 */
export function tei(http: DetectorHttpClient): DetectorAdapter {
  return async function callTei(request, signal) {
    const params = paramsFor('tei', request);
    const { truncate, truncation_direction } = params;
    const body = await http.post({
      called: request,
      url: under(request.call.endpoint, '/predict'),
      headers: await requestHeaders(request),
      body: {
        inputs: request.items.map(({ content }) => [content]),
        truncate,
        ...(truncation_direction && { truncation_direction }),
      },
      signal,
    });
    const parsed = z.array(classesSchema).safeParse(body);
    if (!parsed.success) throw invalid('the answer is not a list of labels and scores per text');
    if (parsed.data.length !== request.items.length) {
      throw invalid(`the answer has ${parsed.data.length} lists for ${request.items.length} texts`);
    }
    return parsed.data.map((classes, index) => {
      const whole = !truncate || surelyFits(request.items[index]!, params.max_input_tokens);
      return findingsOf(classes, params, whole ? [] : [gap('truncated')]);
    });
  };
}

/** Hugging Face inference endpoints: one text a call, at the endpoint itself. */
export function hfInference(http: DetectorHttpClient): DetectorAdapter {
  return (request, signal) =>
    eachItem(request.items, async (item) => {
      const params = paramsFor('hf-inference', request);
      const { top_k, function_to_apply } = params;
      const body = await http.post({
        called: request,
        url: request.call.endpoint,
        headers: await requestHeaders(request, item),
        body: {
          inputs: item.content,
          parameters: { ...(top_k && { top_k }), ...(function_to_apply && { function_to_apply }) },
        },
        signal,
      });
      // Some servers leave out the outer list.
      const parsed = z.union([z.tuple([classesSchema]), classesSchema]).safeParse(body);
      if (!parsed.success) throw invalid('the answer is not a list of labels and scores');
      return findingsOf(parsed.data.flat(), params);
    });
}

function findingsOf(
  classes: Classes,
  { labels, benign_labels, threshold }: Params,
  unjudged: Parameters<typeof found>[1] = [],
): ItemAnswer {
  const isFinding = (name: string): boolean => labels?.includes(name) ?? !benign_labels.includes(name);
  return found(
    classes
      .filter((one) => isFinding(one.label) && one.score >= threshold)
      .map((one) => label(one.label, one.score)),
    unjudged,
  );
}

/** No tokenizer makes more tokens of a text than it has bytes; two more frame it. */
function surelyFits({ content }: DetectorItem, maxTokens: number): boolean {
  return Buffer.byteLength(content) + 2 <= maxTokens;
}
