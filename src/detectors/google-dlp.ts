import { z } from 'zod';
import { type DetectorParams, likelihoods } from '../contract/detector-params';
import type { DetectorAdapter, DetectorItem, ItemAnswer, RawFinding } from './adapter';
import { paramsFor, unusable } from './detector-params';
import { eachItem } from './each-item';
import { under } from './endpoint';
import { found, gap } from './finding-list';
import { type DetectorHttpClient, invalid } from './http-client';
import { imageOf } from './image-content';
import { labelSchema } from './label-schema';
import { codePointOffsets } from './offsets';
import { requestHeaders } from './request-headers';

/** int64 comes as a string, and 0 not at all: proto3 leaves out what has its default value. */
const int64 = z
  .union([
    z.int(),
    z
      .string()
      .regex(/^\d{1,15}$/)
      .transform(Number),
  ])
  .default(0);
const rangeSchema = z.object({ start: int64, end: int64 });
const findingSchema = z.object({
  infoType: z.object({ name: labelSchema }),
  likelihood: z.enum(likelihoods),
  location: z.object({ byteRange: rangeSchema.nullish(), codepointRange: rangeSchema.nullish() }).nullish(),
});
const answerSchema = z.object({
  result: z
    .object({
      findings: z.array(findingSchema).default([]),
      findingsTruncated: z.boolean().default(false),
    })
    .nullish(),
});
type Params = DetectorParams<'google-dlp'>;

/** Google Sensitive Data Protection, `content:inspect` (spec/detector-protocols.md). Quotes are not asked for. */
export function googleDlp(http: DetectorHttpClient): DetectorAdapter {
  return (request, signal) =>
    eachItem(request.items, async (item) => {
      const params = paramsFor('google-dlp', request);
      const isImage = request.contentType === 'image';
      const { project, location, info_types, min_likelihood, max_findings, custom_info_types } = params;
      const body = await http.post({
        called: request,
        url: under(request.call.endpoint, `/v2/projects/${project}/locations/${location}/content:inspect`),
        headers: await requestHeaders(request, item),
        body: {
          item: isImage ? { byteItem: byteItem(item) } : { value: item.content },
          inspectConfig: {
            ...(info_types && { infoTypes: info_types.map((name) => ({ name })) }),
            minLikelihood: min_likelihood,
            ...(max_findings && { limits: { maxFindingsPerRequest: max_findings } }),
            includeQuote: false,
            ...(custom_info_types && { customInfoTypes: custom_info_types }),
          },
          ...(params.inspect_template && { inspectTemplateName: params.inspect_template }),
        },
        signal,
      });
      const parsed = answerSchema.safeParse(body);
      // An inspection that found nothing still has a result, if an empty one.
      if (!parsed.success || !parsed.data.result) throw invalid('the answer has no result with findings');
      return read(parsed.data.result, params, isImage ? nowhere : spans(item));
    });
}

function byteItem({ content }: DetectorItem): object {
  const { format, base64 } = imageOf(content);
  if (format !== 'png' && format !== 'jpeg') throw unusable('this detector takes PNG and JPEG images only');
  return { type: format === 'png' ? 'IMAGE_PNG' : 'IMAGE_JPEG', data: base64 };
}

function read(
  result: NonNullable<z.output<typeof answerSchema>['result']>,
  { calibration }: Params,
  spanOf: SpanOf,
): ItemAnswer {
  return found(
    result.findings.map(({ infoType, likelihood, location }): RawFinding => ({
      label: infoType.name,
      score: likelihoods.indexOf(likelihood) + 1,
      strength: calibration[likelihood],
      level: likelihood,
      ...spanOf(location),
    })),
    result.findingsTruncated ? [gap('findings_truncated')] : [],
  );
}

type SpanOf = (location: z.output<typeof findingSchema>['location']) => Pick<RawFinding, 'start' | 'end'>;

/** Places in an image are boxes; ranges, if there are any, are those of the text that was read off it. */
const nowhere: SpanOf = () => ({ start: null, end: null });

function spans({ content }: DetectorItem): SpanOf {
  const units = {
    codepointRange: codePointOffsets(content, 'code_points'),
    byteRange: codePointOffsets(content, 'bytes'),
  };
  return (location) => {
    const unit = location?.codepointRange ? 'codepointRange' : 'byteRange';
    const range = location?.[unit];
    if (!range) return { start: null, end: null };
    const [start, end] = [units[unit](range.start), units[unit](range.end)];
    if (start === null || end === null || start > end) throw invalid('a span lies outside the content');
    return { start, end };
  };
}
