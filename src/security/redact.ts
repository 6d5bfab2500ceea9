import { scrub } from './scrub';

const shortest = 32;
const overlap = 24;
const probe = 12;
/** NUL and lone surrogates: databases and other services refuse them. */
const unstorable = /[\0\p{Surrogate}]/gu;

/**
 * Free text that is kept or passed on anywhere: personal data and credentials become `[REDACTED:<KIND>]`, and a string
 * that repeats a stretch of the content becomes `[REDACTED:CONTENT]` (spec/orchestration.md 7, Privacy).
 */
export function redactText(text: string, content: string): string {
  const storable = text.replaceAll(unstorable, '');
  if (storable.length > shortest && repeats(storable, content)) return '[REDACTED:CONTENT]';
  return scrub(storable).text;
}

/** The same for every string inside a JSON value, keys included. */
export function redactJson(value: unknown, content: string): unknown {
  if (typeof value === 'string') return redactText(value, content);
  if (Array.isArray(value)) return value.map((entry) => redactJson(entry, content));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [redactText(key, content), redactJson(entry, content)]),
  );
}

/** Any common stretch of 24 characters holds a whole aligned block of 12, so only those are looked for first. */
function repeats(text: string, content: string): boolean {
  for (let at = 0; at + probe <= text.length; at += probe) {
    if (!content.includes(text.slice(at, at + probe))) continue;
    for (
      let start = Math.max(0, at - (overlap - probe));
      start <= at && start + overlap <= text.length;
      start++
    ) {
      if (content.includes(text.slice(start, start + overlap))) return true;
    }
  }
  return false;
}
