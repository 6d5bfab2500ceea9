import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { ZodError } from 'zod';
import { languageDetector, reportedLanguages } from '../../../src/detectors/builtin/language';
import { loadCorpus, scoreCorpus } from '../../../src/detectors/builtin/scoring';

const german = 'Die Sitzung wurde wegen Krankheit auf nächsten Donnerstag verschoben.';
const english = 'The meeting has been moved to next Thursday because of illness.';

describe('language', () => {
  it('names the language and covers the whole text in code points', () => {
    const text = `👋 ${german} e\u0301`;
    expect(languageDetector.detect(text)).toEqual([
      {
        start: 0,
        end: Array.from(text).length,
        label: 'language_de',
        type: 'language',
        score: expect.closeTo(0.9, 0),
      },
    ]);
  });

  it('reports English too when it is not expected', () => {
    expect(languageDetector.detect(english)).toMatchObject([{ label: 'language_en' }]);
  });

  it.each([[['en']], [['fr', 'en']]])('is silent about the expected languages %j', (expected_languages) => {
    expect(languageDetector.detect(english, { expected_languages })).toEqual([]);
    expect(languageDetector.detect(german, { expected_languages })).toMatchObject([{ label: 'language_de' }]);
  });

  it.each(['', 'ok', 'Oui', '👍👍👍', '42,5 % 12:30', 'https://example.org/über/straße anna@example.org'])(
    'makes no guess about %j',
    (text) => {
      expect(languageDetector.detect(text)).toEqual([]);
    },
  );

  it('needs fewer letters of a script that belongs to one language', () => {
    expect(languageDetector.detect('ありがとう')).toMatchObject([{ label: 'language_ja' }]);
  });

  it('does not let one name in its own spelling decide for an English text', () => {
    const text = 'Señor González will present the results on Friday.';
    expect(languageDetector.detect(text, { expected_languages: ['en'] })).toEqual([]);
  });

  it.each([[['english']], [['EN']], ['en'], [[42]], [Array<string>(101).fill('en')]])(
    'refuses expected_languages %j and names the parameter',
    (expected_languages) => {
      expect(() => languageDetector.detect(english, { expected_languages })).toThrow(ZodError);
      expect(() => languageDetector.detect(english, { expected_languages })).toThrow(/expected_languages/);
    },
  );

  it('ignores params meant for others', () => {
    expect(languageDetector.detect(english, { expected_languages: ['en'], threshold: 0.5 })).toEqual([]);
  });

  it.each(['a', 'a ', 'я', '中', '`', '```', '@', 'é ', '<'])(
    'gets through 50,000 characters of %j',
    (piece) => {
      const text = piece.repeat(50_000 / piece.length);
      expect(Array.isArray(languageDetector.detect(text, { expected_languages: ['en'] }))).toBe(true);
    },
  );

  it('has a target in the label file for every language it can report', () => {
    const file = parse(readFileSync('taxonomy/detectors/language.yaml', 'utf8')) as {
      labels: { label: string; category: string }[];
    };
    expect(file.labels.map(({ label }) => label)).toEqual(
      reportedLanguages.map((code) => `language_${code}`),
    );
    expect(new Set(file.labels.map(({ category }) => category))).toEqual(
      new Set(languageDetector.taxonomyCategories),
    );
  });
});

describe('language corpus, English expected', () => {
  const corpus = loadCorpus('corpora/language.jsonl');

  it('is large, balanced and polyglot', () => {
    expect(corpus.length).toBeGreaterThanOrEqual(500);
    expect(corpus.filter(({ labels }) => labels.length === 0).length / corpus.length).toBeGreaterThan(0.35);
    expect(new Set(corpus.flatMap(({ labels }) => labels)).size).toBeGreaterThanOrEqual(15);
  });

  it('reaches its floors', async () => {
    const score = await scoreCorpus(languageDetector, corpus, { expected_languages: ['en'] });
    expect(score.precision).toBeGreaterThanOrEqual(0.96);
    expect(score.recall).toBeGreaterThanOrEqual(0.97);
    for (const [label, { recall, truePositives }] of Object.entries(score.perLabel)) {
      // A label of which the corpus has no text shows in precision only.
      if (truePositives > 0) expect({ label, isFound: recall >= 0.69 }).toEqual({ label, isFound: true });
    }
  });
});
