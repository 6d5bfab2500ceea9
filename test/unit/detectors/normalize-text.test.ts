import fc from 'fast-check';
import { normalizeText } from '../../../src/detectors/builtin/normalize-text';

const folded = (text: string): string => normalizeText(text).folded.text;
const deobfuscated = (text: string): string => normalizeText(text).deobfuscated.text;

describe('normalizeText', () => {
  it.each([
    ['lower-cases', 'SHOUT', 'shout'],
    ['resolves compatibility forms', 'ｆｕｌｌ 𝐛𝐨𝐥𝐝 ﬁn', 'full bold fin'],
    ['resolves look-alikes', 'раураl ΑΒΕ ʏᴏᴜ', 'paypal abe you'],
    ['resolves squared letters and regional indicators', '🅵🆄 🇴🇰', 'fu ok'],
    ['drops accents, decomposed or not', 'é e\u0301 ñ ü', 'e e n u'],
    ['drops invisible and bidi characters', 'a\u200bb\u202ec\u00add\ufeff', 'abcd'],
    ['straightens typographic quotes', '“it’s”', '"it\'s"'],
    ['makes white space single and keeps line breaks', 'a \t b \r\n\n c', 'a b\nc'],
    ['keeps other scripts', '中文 שלום', '中文 שלום'],
  ])('%s', (_, text, expected) => expect(folded(text)).toBe(expected));

  it.each([
    ['joins spaced-out letters', 'f u c k  y o u', 'fuck you'],
    ['joins dotted, dashed and broken ones', 'k.i.l.l s-t-o-p w\no\nw', 'kill stop wow'],
    ['leaves two letters apart', 'plan B a', 'plan b a'],
    ['reads leetspeak', 'sh1t b!tch n00b @rse', 'shit bitch noob arse'],
    [
      'leaves numbers, ordinals, units and hashes',
      '45s 5th 1080 a55b0bdeadbeef x86',
      '45s 5th 1080 a55b0bdeadbeef x86',
    ],
    ['leaves a closing exclamation mark', 'shit!!', 'shit!!'],
  ])('%s', (_, text, expected) => expect(deobfuscated(text)).toBe(expected));

  it('maps every stretch back to where it came from', () => {
    const text = '😀 É\u0301 f\u200bu\u200bc\u200bk';
    const { folded: mapped } = normalizeText(text);
    const start = mapped.text.indexOf('fuck');
    const span = mapped.originalSpan(start, start + 4);
    expect(text.slice(span.start, span.end)).toBe('f\u200bu\u200bc\u200bk');
  });

  it('counts a combining mark to the letter before it', () => {
    const span = normalizeText('xe\u0301!').folded.originalSpan(1, 2);
    expect(span).toEqual({ start: 1, end: 3 });
  });

  it('yields ordered spans within the original for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const normalized = normalizeText(text);
        for (const mapped of [normalized.folded, normalized.deobfuscated]) {
          let previous = 0;
          for (let index = 0; index < mapped.text.length; index += 1) {
            const { start, end } = mapped.originalSpan(index, index + 1);
            expect(start).toBeGreaterThanOrEqual(previous);
            expect(end).toBeGreaterThan(start);
            expect(end).toBeLessThanOrEqual(text.length);
            previous = start;
          }
        }
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});
