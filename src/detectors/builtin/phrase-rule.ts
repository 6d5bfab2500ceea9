import type { MappedText } from './normalize-text';
import type { Candidate } from './overlaps';

/** A phrase that stands for a label wherever it occurs, unless its surroundings speak against it. */
export interface PhraseRule {
  readonly label: string;
  /** Calibrated strength in [0, 1]. */
  readonly score: number;
  readonly pattern: RegExp;
  /** True where the match at this place of the text is innocent. */
  readonly unless?: (match: PhraseMatch) => boolean;
}

export interface PhraseMatch {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Compiles a phrase to be searched in normalized text. A space stands for white space or a comma, a quote, a dash or
 * the like between two words, and the phrase begins and ends at word boundaries. Only bounded repetition may be used
 * within, so that matching stays linear.
 */
export function phrase(source: string): RegExp {
  return new RegExp(`(?<![\\p{L}\\p{N}_])(?:${source.replaceAll(' ', GAP)})(?![\\p{L}\\p{N}])`, 'gu');
}

const GAP = `(?:[\\s,;:"'_*~\\-]{1,3})`;

/** An alternation of words or phrases, each word on its own or with the given ending. */
export const anyOf = (...alternatives: readonly string[]): string => `(?:${alternatives.join('|')})`;

/** Up to `most` of the words, each followed by a space. */
export const optional = (words: string, most = 1): string => `(?:${words} ){0,${most}}`;

/** What the rules find in a normalized text, in UTF-16 indices of the original. */
export function matchRules(rules: readonly PhraseRule[], mapped: MappedText): Candidate[] {
  const { text } = mapped;
  return rules.flatMap(({ label, score, pattern, unless }) =>
    [...text.matchAll(pattern)]
      .map((match) => ({ text, start: match.index, end: match.index + match[0].length }))
      .filter((match) => unless === undefined || !unless(match))
      .map(({ start, end }) => ({ ...mapped.originalSpan(start, end), label, score })),
  );
}
