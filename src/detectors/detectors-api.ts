import { z } from 'zod';
import type { DetectorAdapter, DetectorItem, DetectorRequest, ItemAnswer } from './adapter';
import { contextOf, conversationOf, promptOf } from './conversation';
import { paramsFor } from './detector-params';
import { eachItem } from './each-item';
import { found, insideOf, label } from './finding-list';
import { type DetectorHttpClient, invalid } from './http-client';
import { labelSchema } from './label-schema';
import { requestHeaders } from './request-headers';

/** About the whole of what was sent. Label: what was detected; its type says no more than the detector's name. */
const detectionSchema = z.object({
  detection: labelSchema,
  detection_type: z.string().optional(),
  score: z.number(),
});
const spanSchema = z.object({
  ...detectionSchema.shape,
  start: z.int().nonnegative(),
  end: z.int().nonnegative(),
});

/** FMS / TrustyAI Detectors API, `/api/v1/text/contents` (spec/detector-protocols.md): batches in one call. */
export function detectorsApi(http: DetectorHttpClient): DetectorAdapter {
  return async function callDetectorsApi(request, signal) {
    const body = await http.post({
      called: request,
      url: new URL('/api/v1/text/contents', request.call.endpoint).href,
      headers: { ...(await requestHeaders(request)), 'detector-id': request.call.detector_id },
      body: {
        contents: request.items.map((item) => item.content),
        detector_params: request.call.params,
      },
      signal,
    });
    const parsed = z.array(z.array(spanSchema)).safeParse(body);
    if (!parsed.success) throw invalid('the answer is not a list of detections per content');
    if (parsed.data.length !== request.items.length) {
      throw invalid(`the answer has ${parsed.data.length} lists for ${request.items.length} contents`);
    }
    return parsed.data.map((detections, index): ItemAnswer => {
      const item = request.items[index]!;
      return found(
        detections.map(({ detection, score, start, end }) => ({
          label: detection,
          score,
          // A place in an image's base64 would mean nothing.
          ...(request.contentType === 'image' ? { start: null, end: null } : insideOf(item, start, end)),
        })),
      );
    });
  };
}

/** `/api/v1/text/chat`: the content is the last message, `metadata.messages` what went before it. */
export function detectorsApiChat(http: DetectorHttpClient): DetectorAdapter {
  return aboutTheWhole(http, '/api/v1/text/chat', (request, item) => {
    const { role, detector_params } = paramsFor('detectors-api-chat', request);
    return { messages: conversationOf(item, role), detector_params };
  });
}

/** `/api/v1/text/generation`: the content is what a model answered to `metadata.prompt`. */
export function detectorsApiGeneration(http: DetectorHttpClient): DetectorAdapter {
  return aboutTheWhole(http, '/api/v1/text/generation', (request, item) => {
    const { detector_params } = paramsFor('detectors-api-generation', request);
    return { prompt: promptOf(item), generated_text: item.content, detector_params };
  });
}

/** `/api/v1/text/context/doc`: the content is held against `metadata.context`. */
export function detectorsApiContext(http: DetectorHttpClient): DetectorAdapter {
  return aboutTheWhole(http, '/api/v1/text/context/doc', (request, item) => {
    const { context_type, detector_params } = paramsFor('detectors-api-context', request);
    return { content: item.content, context_type, context: contextOf(item), detector_params };
  });
}

function aboutTheWhole(
  http: DetectorHttpClient,
  path: string,
  bodyOf: (request: DetectorRequest, item: DetectorItem) => object,
): DetectorAdapter {
  return (request, signal) =>
    eachItem(request.items, async (item) => {
      const answer = await http.post({
        called: request,
        url: new URL(path, request.call.endpoint).href,
        headers: { ...(await requestHeaders(request, item)), 'detector-id': request.call.detector_id },
        body: bodyOf(request, item),
        signal,
      });
      const parsed = z.array(detectionSchema).safeParse(answer);
      if (!parsed.success) throw invalid('the answer is not a list of detections');
      return found(parsed.data.map(({ detection, score }) => label(detection, score)));
    });
}
