import type { Candidate } from '../overlaps';

/** Finds one kind of personal data by its shape, a check on the value, and the words around it. */
export interface Recognizer {
  readonly label: string;
  /** Global and linear; the whole match is the value. */
  readonly pattern: RegExp;
  /** What the shape cannot say: checksums, ranges, dates. Without it every match counts. */
  readonly accepts?: (value: string) => boolean;
  /** Words that vouch for the value when they stand close to it. Global. */
  readonly context?: RegExp;
  /** Text right before the value that rules it out. */
  readonly notAfter?: RegExp;
  /** Score without such a word; left out when the value means nothing alone. */
  readonly alone?: number;
  /** Score right beside such a word. */
  readonly inContext?: number;
}

const CHARACTERS_BEFORE = 48;
const CHARACTERS_AFTER = 24;
/** What a word at the far end of the window takes off the score, so that of two labels the nearer one wins. */
const DISTANCE_PENALTY = 0.05;

/** Words that name a number which is nobody's: `order no. 4155552671`. */
export const BUSINESS_NUMBER =
  /(?<!\p{L})(?:orders?|tracking|invoice|part|ticket|ref|reference|serial|model|sku|case|item|issue|commit|build|batch|po|product|article|lot|isbn|issn|imei|ean|upc|bestellung|rechnung|auftrag|pedido|factura|commande|facture)\s?(?:number|num|no|nr|n[º°]|id|code)?\.?\s?[:#=]?\s?(?:is\s)?["'#]?$/iu;

export function recognize(recognizer: Recognizer, text: string): Candidate[] {
  const found: Candidate[] = [];
  for (const match of text.matchAll(recognizer.pattern)) {
    const start = match.index;
    const end = start + match[0].length;
    if (recognizer.accepts?.(match[0]) === false) continue;
    const score = scoreInPlace(recognizer, text, start, end);
    if (score !== undefined) found.push({ start, end, label: recognizer.label, score });
  }
  return found;
}

function scoreInPlace(recognizer: Recognizer, text: string, start: number, end: number): number | undefined {
  const { context, inContext, alone, notAfter } = recognizer;
  if (context !== undefined && inContext !== undefined) {
    const distance = distanceToContext(context, text, start, end);
    if (distance !== undefined) return inContext - (DISTANCE_PENALTY * distance) / CHARACTERS_BEFORE;
  }
  return notAfter?.test(before(text, start)) ? undefined : alone;
}

/** UTF-16 units between the value and the nearest vouching word, preferring the words before it. */
export function distanceToContext(
  context: RegExp,
  text: string,
  start: number,
  end: number,
): number | undefined {
  const leading = before(text, start);
  let nearest: number | undefined;
  for (const match of leading.matchAll(context)) nearest = leading.length - match.index - match[0].length;
  if (nearest !== undefined) return nearest;
  const trailing = text.slice(end, end + CHARACTERS_AFTER).split('\n', 1)[0] ?? '';
  const following = trailing.matchAll(context).next().value;
  return following === undefined ? undefined : CHARACTERS_AFTER + following.index;
}

export function before(text: string, start: number): string {
  return text.slice(Math.max(0, start - CHARACTERS_BEFORE), start);
}

/** A global, case-blind pattern for any of the given words or word patterns, standing alone. */
export function words(...alternatives: string[]): RegExp {
  return new RegExp(`(?<![\\p{L}\\p{N}])(?:${alternatives.join('|')})(?!\\p{L})`, 'giu');
}

export const digitsOf = (value: string): string => value.replace(/\D/g, '');
