import { z } from 'zod';
import type { HttpMapping } from '../contract/registration';
import { valueAt } from '../domain/json-pointer';
import type { DetectorAdapter, DetectorItem, DetectorRequest, ItemAnswer, RawFinding } from './adapter';
import { eachItem } from './each-item';
import { type DetectorHttpClient, invalid } from './http-client';
import { labelSchema } from './label-schema';
import { codePointOffsets } from './offsets';
import { requestHeaders } from './request-headers';

/** Any JSON service: what is sent and where the verdict stands is declared in the registration. */
export function httpJson(http: DetectorHttpClient): DetectorAdapter {
  return (request, signal) =>
    eachItem(request.items, async (item) => {
      const mapping = request.call.http;
      if (!mapping) throw invalid('the registration has no http mapping');
      const body = await http.post({
        called: request,
        url: request.call.endpoint,
        method: mapping.method,
        headers: { ...mapping.headers, ...(await requestHeaders(request, item)) },
        body: fill(mapping.request, request, item),
        signal,
      });
      return read(body, mapping.response, item);
    });
}

function fill(template: unknown, request: DetectorRequest, item: DetectorItem): unknown {
  if (typeof template === 'string') {
    return template.replace(
      /\{\{(content|content_type|request_id|tenant_id)\}\}/g,
      (_match, name: string) => {
        if (name === 'content') return item.content;
        if (name === 'content_type') return request.contentType;
        return name === 'request_id' ? item.requestId : request.tenantId;
      },
    );
  }
  if (Array.isArray(template)) return template.map((part) => fill(part, request, item));
  if (typeof template !== 'object' || template === null) return template;
  return Object.fromEntries(Object.entries(template).map(([key, part]) => [key, fill(part, request, item)]));
}

const offsetSchema = z.int().nonnegative();

function read(body: unknown, mapping: HttpMapping['response'], item: DetectorItem): ItemAnswer {
  if (mapping.findings === undefined) {
    const label = labelSchema.safeParse(valueAt(body, mapping.label));
    if (!label.success) throw invalid(`there is no label at ${mapping.label}`);
    const confidence = mapping.score === undefined ? null : valueAt(body, mapping.score);
    return { kind: 'verdict', output: label.data, confidence, scores: {}, metadata: null, version: null };
  }
  const list = valueAt(body, mapping.findings);
  if (!Array.isArray(list)) throw invalid(`there is no list of findings at ${mapping.findings}`);
  const toCodePoints = codePointOffsets(item.content, mapping.offsets);
  return {
    kind: 'findings',
    findings: list.map((entry) => readFinding(entry, mapping, toCodePoints)),
    version: null,
  };
}

type OffsetTranslation = ReturnType<typeof codePointOffsets>;

function readFinding(
  entry: unknown,
  mapping: HttpMapping['response'],
  toCodePoints: OffsetTranslation,
): RawFinding {
  const label = labelSchema.safeParse(valueAt(entry, mapping.label));
  if (!label.success) throw invalid(`a finding has no label at ${mapping.label}`);
  const start = readOffset(entry, mapping.start, toCodePoints);
  const end = readOffset(entry, mapping.end, toCodePoints);
  if (start !== null && end !== null && start > end) throw invalid('a span ends before it begins');
  const score = mapping.score === undefined ? 1 : valueAt(entry, mapping.score);
  return { label: label.data, score, start, end };
}

function readOffset(
  entry: unknown,
  pointer: string | undefined,
  toCodePoints: OffsetTranslation,
): number | null {
  if (pointer === undefined) return null;
  const offset = offsetSchema.safeParse(valueAt(entry, pointer));
  const codePoints = offset.success ? toCodePoints(offset.data) : null;
  if (codePoints === null) throw invalid('a span lies outside the content');
  return codePoints;
}
