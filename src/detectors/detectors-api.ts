import { z } from 'zod';
import type { DetectorAdapter, ItemAnswer } from './adapter';
import { type DetectorHttpClient, invalid } from './http-client';
import { labelSchema } from './label-schema';
import { requestHeaders } from './request-headers';

/** Label of a finding: what was detected, else of which type it is. */
const findingSchema = z.object({
  start: z.int().nonnegative(),
  end: z.int().nonnegative(),
  detection: labelSchema,
  detection_type: z.string().optional(),
  score: z.number(),
  metadata: z.record(z.string(), z.unknown()).optional(),
});
const answerSchema = z.array(z.array(findingSchema));

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
    const parsed = answerSchema.safeParse(body);
    if (!parsed.success) throw invalid('the answer is not a list of detections per content');
    if (parsed.data.length !== request.items.length) {
      throw invalid(`the answer has ${parsed.data.length} lists for ${request.items.length} contents`);
    }
    return parsed.data.map((findings, index): ItemAnswer => {
      const length = request.items[index]!.contentLength;
      if (findings.some((finding) => finding.start > finding.end || finding.end > length)) {
        throw invalid('a span lies outside the content');
      }
      return {
        kind: 'findings',
        findings: findings.map(({ detection, score, start, end }) => ({
          label: detection,
          score,
          start,
          end,
        })),
        version: null,
      };
    });
  };
}
