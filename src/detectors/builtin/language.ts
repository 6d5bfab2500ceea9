import { detectAll, supportedLanguages, toISO2 } from 'tinyld';
import { z } from 'zod';
import type { BuiltinDetector, BuiltinFinding, DetectorParams } from './builtin-detector';
import { codePointIndexer } from './code-points';

/** Constructed languages that tinyld knows: hardly anybody writes in them, but short texts often look like them. */
const notReported = new Set(['eo', 'tlh', 'vo']);

/** ISO 639 codes, two letters where the language has one: `language_<code>` are the detector's labels. */
export const reportedLanguages: readonly string[] = supportedLanguages
  .map((iso3) => toISO2(iso3))
  .filter((code) => !notReported.has(code))
  .sort();

const paramsSchema = z.object({
  /** Languages that need no report. Absent or empty: every language is reported. */
  expected_languages: z.array(z.enum(reportedLanguages)).max(100).default([]),
});

/** Fewer letters than this say too little; scripts of one language (kana, Hangul, Thai…) need far fewer. */
const MIN_LETTERS = 12;
const MIN_LETTERS_OUTSIDE_LATIN = 4;
/** A language shows in this many characters; a longer text is sampled over its whole length. */
const SAMPLE_LENGTH = 6_000;
/** An expected language is preferred unless another is at least this many times as likely. */
const EXPECTED_ADVANTAGE = 1.6;
/** How many times as likely as the next the best guess has to be. */
const MIN_LEAD = 1.15;

/**
 * Names the language of a text that is not in one of `expected_languages`, because the other detectors know English
 * best and a person has to look at the rest. The finding covers the whole text. A text too short or too mixed for a
 * clear answer is not reported.
 *
 * @throws ZodError when `expected_languages` is not a list of known ISO 639 codes
 */
export const languageDetector: BuiltinDetector = {
  name: 'language',
  version: '1.0.0',
  maxContentLength: 50_000,
  taxonomyCategories: ['OTHER.NeedsReview'],
  detect(text: string, params: DetectorParams = {}): BuiltinFinding[] {
    const expected = paramsSchema.parse(params).expected_languages;
    const guess = guessLanguage(text, expected);
    if (guess === undefined || expected.includes(guess.language)) return [];
    const label = `language_${guess.language}`;
    return [
      { start: 0, end: codePointIndexer(text)(text.length), label, type: 'language', score: guess.score },
    ];
  },
};

interface Guess {
  readonly language: string;
  readonly score: number;
}

function guessLanguage(text: string, expected: readonly string[]): Guess | undefined {
  const words = sample(proseWords(text));
  if (!hasEnoughLetters(words)) return undefined;
  const guesses = likelyLanguages(words);
  const [best, second] = guesses;
  if (best === undefined) return undefined;
  const likelyExpected =
    guesses.find(
      ({ lang, accuracy }) => expected.includes(lang) && accuracy * EXPECTED_ADVANTAGE >= best.accuracy,
    ) ?? expectedWithoutLoanWords(words, expected);
  if (likelyExpected !== undefined) return { language: likelyExpected.lang, score: 1 };
  const runnerUp = second?.accuracy ?? 0;
  if (best.accuracy < runnerUp * MIN_LEAD) return undefined;
  return { language: best.lang, score: roundScore(best.accuracy / (best.accuracy + runnerUp)) };
}

type Likelihood = ReturnType<typeof detectAll>[number];

const likelyLanguages = (words: readonly string[]): Likelihood[] =>
  detectAll(words.join(' ')).filter(({ lang }) => !notReported.has(lang));

/** One name or loan word in its own spelling (González, façade) must not decide for a text that is plain otherwise. */
function expectedWithoutLoanWords(
  words: readonly string[],
  expected: readonly string[],
): Likelihood | undefined {
  const plainWords = words.filter((word) => /^[\x20-\x7e’]+$/.test(word));
  if (plainWords.length === words.length || plainWords.length * 2 < words.length) return undefined;
  const best = hasEnoughLetters(plainWords) ? likelyLanguages(plainWords)[0] : undefined;
  return best !== undefined && expected.includes(best.lang) ? best : undefined;
}

/** Words as people write them: no code, addresses, links, tags or numbers. */
function proseWords(text: string): string[] {
  return text
    .replace(/```[^]*?(?:```|$)/g, ' ')
    .replace(/`[^`\n]{0,200}`/g, ' ')
    .split(/\s+/)
    .filter((word) => /\p{L}/u.test(word) && !/[@\d]|^[#<]|:\/\//.test(word));
}

/** Every so many words, evenly; scripts without blanks between words are cut into pieces first. */
function sample(words: readonly string[]): string[] {
  const pieces = words.flatMap((word) => word.match(/.{1,40}/gu) ?? []);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const stride = Math.max(1, Math.ceil(length / SAMPLE_LENGTH));
  return pieces.filter((_, index) => index % stride === 0);
}

function hasEnoughLetters(words: readonly string[]): boolean {
  const text = words.join('');
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  const latinLetters = text.match(/\p{Script=Latin}/gu)?.length ?? 0;
  const isMostlyLatin = latinLetters * 2 > letters;
  return letters >= (isMostlyLatin ? MIN_LETTERS : MIN_LETTERS_OUTSIDE_LATIN);
}

const roundScore = (score: number): number => Math.round(score * 1e4) / 1e4;
