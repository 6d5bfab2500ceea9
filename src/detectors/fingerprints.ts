import { createHmac, hkdfSync } from 'node:crypto';
import type { DetectorItem } from './adapter';

/** What of a finding its fingerprint is made of; spans are code points. */
interface Found {
  readonly label: string;
  readonly start: number | null;
  readonly end: number | null;
}

export type Fingerprint = (found: Found) => string;

const keys = new WeakMap<Buffer, Buffer>();

/**
 * Fingerprints of what a detector finds in a content: equal for the same text under the same label, of no use to who has
 * not the tenant's key (docs/adr/0018-false-positives.md).
 */
export function fingerprintsOf(tenantKey: Buffer, detector: string, item: DetectorItem): Fingerprint {
  const key = keyOf(tenantKey);
  let whole: string | undefined;
  return ({ label, start, end }) => {
    const matched =
      start === null || end === null ? '' : normalized(sliceCodePoints(item.content, start, end));
    // A span of nothing is no place.
    const what = matched === '' ? `whole\0${(whole ??= digestOf(key, wholeOf(item)))}` : `span\0${matched}`;
    return digestOf(key, `${detector}\0${label}\0${what}`).slice(0, 32);
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

/** Canonical equivalents and other white space are the same; capitals are not: "will" is no name, "Will" may be one. */
function normalized(text: string): string {
  return text.normalize('NFC').replaceAll(/\s+/gu, ' ').trim();
}

const imageHead = /^data:image\/[^,]{0,100},/;

/** All that a judgement of the whole is about: the same words in answer to another question are another thing. */
function wholeOf({ content, metadata }: DetectorItem): string {
  const { messages = null, prompt = null, context = null } = metadata ?? {};
  const around = [messages, prompt, context].every((one) => one === null)
    ? ''
    : JSON.stringify([messages, prompt, context]);
  return `${normalized(content.replace(imageHead, ''))}\0${around}`;
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
