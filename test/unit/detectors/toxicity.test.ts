import { join } from 'node:path';
import { toxicityDetector } from '../../../src/detectors/builtin/toxicity';
import type { BuiltinFinding } from '../../../src/detectors/builtin/builtin-detector';
import { loadCorpus, scoreCorpus } from '../../../src/detectors/builtin/scoring';

const detect = (text: string): BuiltinFinding[] => toxicityDetector.detect(text) as BuiltinFinding[];
const labelsOf = (text: string): string[] => [...new Set(detect(text).map(({ label }) => label))].sort();
const found = (text: string): string[] =>
  detect(text).map(({ start, end, label }) => `${label}: ${[...text].slice(start, end).join('')}`);

/** Slightly below what was measured; raise them when the detector gets better, never lower them for a change. */
const PRECISION_FLOOR = 0.965;
const RECALL_FLOOR = 0.84;
const hitFloors = { identity_attack: 57, insult: 111, obscene: 100, self_harm: 48, threat: 53, toxic: 48 };

describe('toxicityDetector', () => {
  it.each([
    ['What the fuck?', ['obscene']],
    ['You are such a pathetic loser', ['insult']],
    ['I will find you and break your legs', ['threat']],
    ['Immigrants are vermin', ['identity_attack']],
    ['go kill yourself', ['self_harm']],
    ['I want to end my life', ['self_harm']],
    ['Nobody here likes you', ['toxic']],
    ['Fuck you, you stupid bitch', ['insult', 'obscene', 'toxic']],
    ['Ich bringe dich um', ['threat']],
  ])('labels %j', (text, expected) => expect(labelsOf(text)).toEqual(expected));

  it.each([
    'f u c k',
    'f.u.c.k',
    'fuuuuck',
    'ｆｕｃｋ',
    '𝐟𝐮𝐜𝐤',
    'f\u200bu\u200bck',
    'fυсk',
    'fu\u0308ck',
    '🅵🆄🅲🅺',
    'f**k',
    'F*CK',
  ])('sees through %j', (text) => expect(labelsOf(text)).toEqual(['obscene']));

  it.each([
    'Scunthorpe, cocktail, assassin, Dick Van Dyke, Moby Dick, Sussex, cockpit, cumin, Fukushima, assorted',
    'You killed it! Kill the process and shoot the photo, then I will shoot you an email.',
    'I will kill you at chess',
    'He was charged with threatening to kill his neighbor.',
    'She reported that he said "I will kill you" twice.',
    'Not all immigrants are criminals, and it is wrong to say that women are inferior.',
    'Please don’t kill yourself, call the helpline.',
    'I want to die of embarrassment',
    'You are not an idiot.',
    'The rats are vermin.',
  ])('spares %j', (text) => expect(detect(text)).toEqual([]));

  it('still judges a threat after a report of another', () => {
    expect(labelsOf('He said "I am fine". I will kill you.')).toEqual(['threat']);
  });

  it('counts spans in code points, through emoji, combining marks and invisible characters', () => {
    expect(found('😀😀 e\u0301 well, s\u200bhit!')).toEqual(['obscene: s\u200bhit']);
    expect(detect('😀 shit')[0]).toMatchObject({ start: 2, end: 6, type: 'toxicity' });
    expect(found('👨‍👩‍👧 you are a 𝗺𝗼𝗿𝗼𝗻!')).toEqual(['insult: you are a 𝗺𝗼𝗿𝗼𝗻']);
  });

  it('sorts its findings and keeps every strength between 0 and 1', () => {
    const findings = detect('Shit. You are a moron. I will kill you. Fuck off.');
    expect(findings.map(({ label }) => label)).toEqual(['obscene', 'insult', 'threat', 'obscene', 'toxic']);
    expect(findings.every(({ score }) => score > 0 && score <= 1)).toBe(true);
  });

  it.each([
    'you are a ',
    'i will find you and ',
    'said "you are an idiot ',
    'f u c k ',
    '\u200b',
    '" ',
    '-',
    'a',
  ])('judges 50,000 characters of %j', (unit) =>
    expect(Array.isArray(detect(unit.repeat(Math.ceil(50_000 / unit.length)).slice(0, 50_000)))).toBe(true),
  );

  it('reaches its floors on the corpus', async () => {
    const corpus = loadCorpus(join(__dirname, '../../../corpora/toxicity.jsonl'));
    expect(corpus.length).toBeGreaterThanOrEqual(500);
    const { precision, recall, perLabel } = await scoreCorpus(toxicityDetector, corpus);
    expect(precision).toBeGreaterThanOrEqual(PRECISION_FLOOR);
    expect(recall).toBeGreaterThanOrEqual(RECALL_FLOOR);
    for (const [label, floor] of Object.entries(hitFloors)) {
      expect({ label, isReached: (perLabel[label]?.truePositives ?? 0) >= floor }).toEqual({
        label,
        isReached: true,
      });
    }
  });
});
