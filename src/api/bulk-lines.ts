import { createHash } from 'node:crypto';
import type { Request } from 'express';
import { checkContentForm } from '../content/content-form';
import { ConclaveError } from '../contract/errors';
import { type OrchestrationRequest, orchestrationRequestSchema } from '../contract/request';
import type { BulkLine, BulkUpload } from '../submission/bulk-intake';
import { callbackUrlOf, refuseCallback } from './callback-url';
import { firewallOf } from './firewall';
import { linesOf } from './ndjson';
import { parseJsonBody, refuseDuplicateKeys } from './strict-json';
import { validate } from './validate';

interface LineLimits {
  readonly maxLineBytes: number;
  readonly maxImagePixels: number;
}

/** The lines of an upload, read as the store takes them. */
export function uploadedLines(
  request: Request,
  limits: LineLimits,
): Pick<BulkUpload, 'lines' | 'fingerprint'> {
  const hash = createHash('sha256');
  const read = (item: unknown): void => firewallOf(request).readBody(request, item, ['content']);
  // An upload that is refused half-way must still be answered.
  const source = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  return {
    lines: parsed(source, limits, (bytes) => void hash.update(bytes), read),
    fingerprint: () => fingerprintOf(hash.digest(), callbackUrlOf(request)),
  };
}

/** An upload that calls back somebody else is another. */
function fingerprintOf(lines: Buffer, url: string | null): Buffer {
  return url === null ? lines : createHash('sha256').update(lines).update(url).digest();
}

async function* parsed(
  source: AsyncIterable<Buffer>,
  { maxLineBytes, maxImagePixels }: LineLimits,
  onBytes: (bytes: Buffer) => void,
  read: (item: unknown) => void,
): AsyncGenerator<BulkLine> {
  for await (const { line, bytes } of linesOf(source, maxLineBytes, onBytes)) {
    yield { line, bytes: bytes.length, ...itemOf(bytes, maxImagePixels, read) };
  }
}

/**
 * A request of its own, or why it is none; one bad line is no fault of its neighbors.
 * @param read throws for what the firewall refuses
 */
export function itemOf(
  bytes: Buffer,
  maxImagePixels: number,
  read: (item: unknown) => void,
): { request: OrchestrationRequest; routingTokens: string[] } | { refusal: ConclaveError } {
  try {
    const { value, text } = parseJsonBody(bytes);
    const request = validate(orchestrationRequestSchema, withLowPriority(value));
    refuseDuplicateKeys(text);
    read(request);
    refuseCallback(request);
    const routingTokens = checkContentForm(request, maxImagePixels);
    return { request: { ...request, processing_mode: 'async' }, routingTokens };
  } catch (error) {
    if (error instanceof ConclaveError) return { refusal: error };
    throw error;
  }
}

/** Bulk work gives way unless it says otherwise. */
function withLowPriority(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return 'priority' in value ? value : { ...value, priority: 'low' };
}
