import { z } from 'zod';
import type { DetectorAdapter } from './adapter';
import { paramsFor } from './detector-params';
import { under } from './endpoint';
import { found, insideOf } from './finding-list';
import { type DetectorHttpClient, invalid } from './http-client';
import { labelSchema } from './label-schema';
import { requestHeaders } from './request-headers';

/** Written in Python, so its offsets are code points. */
const entitySchema = z.object({
  entity_type: labelSchema,
  start: z.int().nonnegative(),
  end: z.int().nonnegative(),
  score: z.number(),
});
const answerSchema = z.array(z.array(entitySchema));

/** Microsoft Presidio's analyzer (spec/detector-protocols.md). The text goes as a list, so that the answer is one of lists. */
export function presidio(http: DetectorHttpClient): DetectorAdapter {
  return async function callPresidio(request, signal) {
    const body = await http.post({
      called: request,
      url: under(request.call.endpoint, '/analyze'),
      headers: await requestHeaders(request),
      body: { ...paramsFor('presidio', request), text: request.items.map(({ content }) => content) },
      signal,
    });
    const parsed = answerSchema.safeParse(body);
    if (!parsed.success) throw invalid('the answer is not a list of entities per text');
    if (parsed.data.length !== request.items.length) {
      throw invalid(`the answer has ${parsed.data.length} lists for ${request.items.length} texts`);
    }
    return parsed.data.map((entities, index) =>
      found(
        entities.map(({ entity_type, score, start, end }) => ({
          label: entity_type,
          score,
          ...insideOf(request.items[index]!, start, end),
        })),
      ),
    );
  };
}
