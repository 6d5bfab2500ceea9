import {
  collapseDuplicatesTransformer,
  DataSet,
  englishDataset,
  parseRawPattern,
  RegExpMatcher,
} from 'obscenity';
import type { MappedText } from '../normalize-text';
import type { Candidate } from '../overlaps';
import {
  innocentTerms,
  libraryWords,
  librarySlurs,
  mildPatterns,
  slurPatterns,
  strongPatterns,
} from './vocabulary';

const MILD = 'mild';
const SLUR = 'slur';
const slurs = new Set<string>([...librarySlurs, SLUR]);

const words = new DataSet<{ originalWord: string }>()
  .addAll(englishDataset)
  .removePhrasesIf(({ metadata }) => !isKept(metadata?.originalWord));
addWords('strong', strongPatterns);
addWords(MILD, mildPatterns);
addWords(SLUR, slurPatterns);

const { blacklistedTerms, whitelistedTerms = [] } = words.build();
const matcher = new RegExpMatcher({
  blacklistedTerms,
  whitelistedTerms: [...whitelistedTerms, ...innocentTerms],
  blacklistMatcherTransformers: [
    collapseDuplicatesTransformer({
      defaultThreshold: 1,
      customThresholds: new Map([...'begols'].map((letter) => [letter, 2])),
    }),
  ],
});

/** Vulgar words and slurs; the text must be normalized, since the matcher only collapses stretched letters. */
export function findProfanity(mapped: MappedText): Candidate[] {
  return matcher.getAllMatches(mapped.text).map((match) => {
    const word = words.getPayloadWithPhraseMetadata(match).phraseMetadata?.originalWord ?? '';
    const span = mapped.originalSpan(match.startIndex, match.endIndex + 1);
    if (slurs.has(word)) return { ...span, label: 'identity_attack', score: 0.9 };
    return { ...span, label: 'obscene', score: word === MILD ? 0.65 : 0.9 };
  });
}

function isKept(word: string | undefined): boolean {
  return [...libraryWords, ...librarySlurs].some((kept) => kept === word);
}

function addWords(originalWord: string, patterns: readonly string[]): void {
  words.addPhrase((phrase) => {
    for (const pattern of patterns) phrase.addPattern(parseRawPattern(pattern));
    return phrase.setMetadata({ originalWord });
  });
}
