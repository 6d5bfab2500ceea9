import fc from 'fast-check';
import { orchestrationRequestSchema, rerunRequestSchema } from '../../../src/contract/request';
import { codePointLength } from '../../../src/contract/text';

const good = {
  content: 'x',
  content_type: 'text',
  tenant_id: 'demo',
  policy_bundle: 'default',
  environment: 'dev',
};
const accepts = (overrides: object): boolean =>
  orchestrationRequestSchema.safeParse({ ...good, ...overrides }).success;

describe('OrchestrationRequest [1]', () => {
  it('fills in the defaults, also for null', () => {
    const filled = { ...good, processing_mode: 'sync', priority: 'normal' };
    expect(orchestrationRequestSchema.parse(good)).toEqual(filled);
    const nulls = {
      processing_mode: null,
      priority: null,
      metadata: null,
      required_detectors: null,
      excluded_detectors: null,
    };
    expect(orchestrationRequestSchema.parse({ ...good, ...nulls })).toEqual(filled);
  });

  it('counts content in code points, at and beyond its limit', () => {
    for (const character of ['x', 'é', '€', '😀', '\u{10ffff}']) {
      expect(accepts({ content: character.repeat(50_000) })).toBe(true);
      expect(accepts({ content: character.repeat(50_001) })).toBe(false);
    }
  });

  it.each(['', ' ', '\n\t\r', '\u3000\u2003\u00a0', '\ufeff', 'a\0b', '\0'])(
    'refuses the content %j',
    (content) => {
      expect(accepts({ content })).toBe(false);
    },
  );

  it('bounds tenant and bundle by pattern and length', () => {
    expect(accepts({ tenant_id: 't'.repeat(64), policy_bundle: 'p'.repeat(100) })).toBe(true);
    expect(accepts({ tenant_id: '-_A9' })).toBe(true);
    for (const tenant_id of ['', 't'.repeat(65), 'a.b', 'a b', 'ä', 'a\n'])
      expect(accepts({ tenant_id })).toBe(false);
    for (const policy_bundle of ['', 'p'.repeat(101), '.a', '-a', 'a/b', 'a b', 'a\n'])
      expect(accepts({ policy_bundle })).toBe(false);
  });

  it('bounds metadata by bytes and levels', () => {
    const ofBytes = (bytes: number) => ({ k: 'x'.repeat(bytes - 8) });
    expect(accepts({ metadata: ofBytes(16_384) })).toBe(true);
    expect(accepts({ metadata: ofBytes(16_385) })).toBe(false);
    expect(accepts({ metadata: { k: '€'.repeat(5458) } })).toBe(true);
    expect(accepts({ metadata: { k: '€'.repeat(5459) } })).toBe(false);
    expect(accepts({ metadata: { a: { b: [{ d: [1] }] } } })).toBe(true);
    expect(accepts({ metadata: { a: { b: [{ d: [[]] }] } } })).toBe(false);
  });

  it('bounds the lists of detectors', () => {
    const names = (count: number) => Array.from({ length: count }, (_, index) => `d${index}`);
    for (const field of ['required_detectors', 'excluded_detectors']) {
      expect(accepts({ [field]: names(20) })).toBe(true);
      expect(accepts({ [field]: names(21) })).toBe(false);
      expect(accepts({ [field]: ['a', 'a'] })).toBe(false);
      expect(accepts({ [field]: ['a', 'A'] })).toBe(true);
    }
    expect(accepts({ required_detectors: ['a'], excluded_detectors: ['b'] })).toBe(true);
    expect(accepts({ required_detectors: ['a', 'b'], excluded_detectors: ['b'] })).toBe(false);
  });

  it('refuses any key it does not know', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (key) => {
        fc.pre(!(key in orchestrationRequestSchema.shape));
        expect(accepts(Object.fromEntries([[key, 1]]))).toBe(false);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe('RerunRequest [1]', () => {
  it('fills in its defaults and refuses what it does not know', () => {
    expect(rerunRequestSchema.parse({})).toEqual({ detectors: 'all', policy: 'original' });
    expect(rerunRequestSchema.parse({ detectors: null, policy: null, content: null })).toEqual(
      rerunRequestSchema.parse({}),
    );
    for (const wrong of [{ detectors: 'some' }, { policy: 'next' }, { content: '' }, { extra: 1 }])
      expect(rerunRequestSchema.safeParse(wrong).success).toBe(false);
  });
});

describe('Length in code points', () => {
  it('agrees with how JavaScript iterates over any string, well-formed or not', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.array(fc.integer({ min: 0xd7f0, max: 0xe010 })),
        (text, units) => {
          for (const sample of [text, String.fromCharCode(...units)])
            expect(codePointLength(sample)).toBe([...sample].length);
        },
      ),
      { seed: 1, numRuns: 500 },
    );
  });
});
