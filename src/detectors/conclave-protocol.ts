import { z } from 'zod';
import type { DetectorAdapter } from './adapter';
import { eachItem } from './each-item';
import { type DetectorHttpClient, invalid } from './http-client';
import { labelSchema } from './label-schema';
import { requestHeaders } from './request-headers';

const answerSchema = z.object({
  output: labelSchema,
  confidence: z.union([z.number(), z.boolean()]).nullish(),
  scores: z.record(z.string(), z.number()).nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  detector_version: z.string().max(100).nullish(),
});

/** The `output`/`confidence` call of spec/orchestration.md 1.10: one content, one verdict. */
export function conclaveProtocol(http: DetectorHttpClient): DetectorAdapter {
  return (request, signal) =>
    eachItem(request.items, async (item) => {
      const body = await http.post({
        called: request,
        url: request.call.endpoint,
        headers: await requestHeaders(request, item),
        body: {
          request_id: item.requestId,
          content: item.content,
          content_type: request.contentType,
          metadata: item.metadata,
        },
        signal,
      });
      const parsed = answerSchema.safeParse(body);
      if (!parsed.success) throw invalid('the answer has no usable output');
      const { output, confidence, scores, metadata, detector_version } = parsed.data;
      return {
        kind: 'verdict',
        output,
        confidence: confidence ?? null,
        scores: scores ?? {},
        metadata: metadata ?? null,
        version: detector_version ?? null,
      };
    });
}
