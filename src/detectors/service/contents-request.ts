import { z } from 'zod';
import type { BuiltinDetector } from '../builtin/builtin-detector';
import { codePointIndexer } from '../builtin/code-points';
import { fieldName } from './field-name';
import { ServiceError } from './service-error';

/** Contents of one call, and bytes of its body: enough for every content at the detectors' longest in four bytes. */
export const MAX_BATCH = 256;
export const MAX_BODY_BYTES = 12 * 1024 * 1024;

const contentsRequestSchema = z.object({
  contents: z.array(z.string()).min(1).max(MAX_BATCH),
  detector_params: z.record(z.string(), z.unknown()).nullish(),
});

export interface ContentsRequest {
  readonly contents: readonly string[];
  readonly params: Readonly<Record<string, unknown>>;
}

/**
 * Reads the body of `/api/v1/text/contents`.
 *
 * @throws ServiceError 422 naming the field that is wrong, 413 for a content longer than the detector judges
 */
export function parseContentsRequest(body: Buffer, detector: BuiltinDetector): ContentsRequest {
  const parsed = contentsRequestSchema.safeParse(parseJson(body));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new ServiceError(422, `${fieldName(issue?.path ?? [])}: ${issue?.message ?? 'invalid'}`);
  }
  const { contents, detector_params: params } = parsed.data;
  const tooLong = contents.findIndex((content) => isLongerThan(content, detector.maxContentLength));
  if (tooLong !== -1)
    throw new ServiceError(413, `contents[${tooLong}]: longer than ${detector.maxContentLength} characters`);
  return { contents, params: params ?? {} };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    // The parser's own message quotes the body.
    throw new ServiceError(422, 'body: not JSON in UTF-8');
  }
}

function isLongerThan(content: string, maxCodePoints: number): boolean {
  return content.length > maxCodePoints && codePointIndexer(content)(content.length) > maxCodePoints;
}
