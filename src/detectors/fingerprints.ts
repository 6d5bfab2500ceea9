import { createHmac, hkdfSync } from 'node:crypto';
import type { ContentType } from '../contract/enums';
import type { PlannedDetector } from '../contract/plan';
import type { Protocol } from '../contract/protocols';
import { canonicalJson } from '../domain/canonical-json';
import { withoutImageHead } from '../domain/image-url';
import type { DetectorItem } from './adapter';

/** What of a finding its fingerprint is made of; spans are code points. */
interface Found {
  readonly label: string;
  readonly start: number | null;
  readonly end: number | null;
}

export type Fingerprint = (found: Found) => string;

const keys = new WeakMap<Buffer, Buffer>();

/** Under which key, and what the content was declared to be. */
export interface FingerprintedAs {
  readonly fingerprintKey: Buffer;
  readonly contentType: ContentType;
}

/**
 * Fingerprints of what a detector finds in a content: equal for the same text under the same label, of no use to who has
 * not the tenant's key (docs/adr/0018-false-positives.md).
 */
export function fingerprintsOf(
  { fingerprintKey, contentType }: FingerprintedAs,
  { name, call }: Pick<PlannedDetector, 'name' | 'call'>,
  item: DetectorItem,
): Fingerprint {
  const key = keyOf(fingerprintKey);
  let whole: string | undefined;
  return ({ label, start, end }) => {
    const matched =
      start === null || end === null ? '' : normalized(sliceCodePoints(item.content, start, end));
    // A span of nothing is no place.
    const what =
      matched === ''
        ? `whole\0${(whole ??= digestOf(key, wholeOf(item, contentType, call.protocol)))}`
        : `span\0${matched}`;
    return digestOf(key, `${name}\0${contentType}\0${label}\0${what}`).slice(0, 32);
  };
}

function keyOf(tenantKey: Buffer): Buffer {
  const known = keys.get(tenantKey);
  if (known) return known;
  const key = Buffer.from(hkdfSync('sha256', tenantKey, '', 'conclave/fingerprints', 32));
  keys.set(tenantKey, key);
  return key;
}

function digestOf(key: Buffer, text: string): string {
  return createHmac('sha256', key).update(text).digest('hex');
}

/**
 * Blanks around a text and the way in which its lines end make no difference. All else does: what looks the same, or is
 * not seen at all, may be what a detector is for.
 */
function normalized(text: string): string {
  const lines = text.replaceAll('\r\n', '\n');
  let start = 0;
  let end = lines.length;
  while (start < end && isBlank(lines[start])) start++;
  while (end > start && isBlank(lines[end - 1])) end--;
  return lines.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t' || character === '\n';
}

/** All that a judgement of the whole is about: the same words in answer to another question are another thing. */
function wholeOf(item: DetectorItem, contentType: ContentType, protocol: Protocol): string {
  const content = contentType === 'image' ? withoutImageHead(item.content) : item.content;
  return `${normalized(content)}\0${canonicalJson(judgedBy(item, protocol))}`;
}

/** What of the caller's metadata a detector is sent. */
function judgedBy({ metadata }: DetectorItem, protocol: Protocol): unknown {
  if (protocol === 'conclave') return metadata;
  const { messages = null, prompt = null, context = null } = metadata ?? {};
  return [messages, prompt, context];
}

function sliceCodePoints(text: string, start: number, end: number): string {
  let index = 0;
  let at = 0;
  let from = text.length;
  for (const character of text) {
    if (at === start) from = index;
    if (at === end) break;
    index += character.length;
    at++;
  }
  return text.slice(from, index);
}
