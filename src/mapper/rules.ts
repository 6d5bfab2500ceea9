import { codePointLength } from '../contract/text';
import { fold, tokensOf } from './fold';
import type { LabelIndex, Phrase, Target } from './label-index';
import type { Signal } from './signals';

/** How sure a hit of each step is, in the order in which they are tried (spec/mapper.md 4). */
export const matchStrength = {
  exact: 0.8,
  folded: 0.7,
  other_detector: 0.65,
  alias: 0.6,
  tokens: 0.5,
} as const;

export type MatchStep = keyof typeof matchStrength | 'none' | 'malformed';

export interface Match {
  readonly category: string;
  readonly step: MatchStep;
  /** In [0, 1], bounded by the label's cap. */
  readonly strength: number;
}

const unknown: Match = { category: 'OTHER.Unknown', step: 'none', strength: 0 };
const malformed: Match = { category: 'OTHER.ModelError', step: 'malformed', strength: 0 };
const negations = new Set(['not', 'no', 'non', 'without']);
export const maxSignalLength = 256;

/** Finds the one category of a signal: the first step that knows the label decides. */
export function matchSignal(
  { detector, label }: Pick<Signal, 'detector' | 'label'>,
  labels: LabelIndex,
): Match {
  if (isMalformed(label)) return malformed;
  const folded = fold(label);
  return (
    hit('exact', labels.exact.get(detector)?.get(label)) ??
    hit('folded', labels.folded.get(detector)?.get(folded)) ??
    hit('other_detector', labels.anyDetector.get(folded)) ??
    hit('alias', labels.aliases.get(folded)) ??
    hit('tokens', findPhrase(tokensOf(folded), labels)?.target) ??
    unknown
  );
}

function hit(step: keyof typeof matchStrength, target: Target | undefined): Match | undefined {
  return target && { category: target.category, step, strength: Math.min(matchStrength[step], target.cap) };
}

function isMalformed(label: string): boolean {
  return label.trim() === '' || /\p{Cc}/u.test(label) || codePointLength(label) > maxSignalLength;
}

/** The preferred known phrase whose words all occur among the tokens; whole words only, or `unsafe` would be `safe`. */
function findPhrase(tokens: readonly string[], { phrases }: LabelIndex): Phrase | undefined {
  const words = new Set(tokens);
  let best: Phrase | undefined;
  for (const word of words) {
    if (negations.has(word)) return undefined;
    for (const phrase of phrases.get(word) ?? []) {
      if (best !== undefined && best.rank < phrase.rank) break;
      if (phrase.tokens.every((token) => words.has(token))) best = phrase;
    }
  }
  return best;
}
