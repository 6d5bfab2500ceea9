import { codePointLength } from '../contract/text';
import { isSensitiveField, scrub } from '../security/scrub';
import { MapperError } from './errors';
import type { MapRequest } from './requests';
import { maxSignalLength } from './rules';
import { splitOutput } from './signals';

const maxWords = 20;
const maxMetadataText = 512;
const maxMetadataDepth = 20;

/** Keeps the pieces apart, so that no pattern matches across two of them. */
const separator = '\u0000';

/**
 * Refuses a payload that carries customer content instead of labels (spec/mapper.md 4, step 2). The error names the
 * place and the kinds found, never the text.
 *
 * @throws MapperError INVALID_REQUEST `raw_content`
 */
export function refuseRawContent({ output, metadata }: MapRequest): void {
  const signals = [output, ...(metadata.provenance ?? []).map((entry) => entry.output ?? '')].flatMap(
    splitOutput,
  );
  if (signals.some(isProse)) throw refusal('output', 'holds a text rather than labels');
  refuseKinds('output', output);
  refuseKinds('metadata', textsOf(metadata).join(separator));
}

function isProse(signal: string): boolean {
  return (
    /[\r\n\u2028\u2029]/.test(signal) ||
    codePointLength(signal) > maxSignalLength ||
    wordCount(signal) > maxWords
  );
}

function wordCount(text: string): number {
  return text.trim().split(/\s+/).length;
}

function refuseKinds(path: string, text: string): void {
  const { kinds } = scrub(text);
  if (kinds.length > 0) throw refusal(path, `holds content of kind ${kinds.join(', ')}`);
}

/** All keys and strings of the metadata; iterative, since the nesting is the caller's. */
function textsOf(metadata: object): string[] {
  const texts: string[] = [];
  let level: object[] = [metadata];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxMetadataDepth)
      throw refusal('metadata', `is nested deeper than ${maxMetadataDepth} levels`);
    const next: object[] = [];
    for (const holder of level) {
      const named = !Array.isArray(holder);
      for (const [key, value] of Object.entries(holder)) {
        if (named) texts.push(key);
        if (typeof value === 'string') texts.push(value);
        else if (typeof value === 'object' && value !== null) next.push(value as object);
        if (named && typeof value === 'string' && value !== '' && isSensitiveField(key)) {
          throw refusal('metadata', 'holds a field for secrets');
        }
      }
    }
    level = next;
  }
  if (texts.some((text) => text.length > maxMetadataText && codePointLength(text) > maxMetadataText)) {
    throw refusal('metadata', `holds a string of more than ${maxMetadataText} characters`);
  }
  return texts;
}

function refusal(path: string, message: string): MapperError {
  return new MapperError('INVALID_REQUEST', 'The payload carries raw content; send labels only.', {
    detail: 'raw_content',
    fieldErrors: [{ path, message }],
  });
}
