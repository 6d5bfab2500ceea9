import fc from 'fast-check';
import { parseJsonBody, pathOf, refuseDuplicateKeys } from '../../../src/api/strict-json';
import { ConclaveError } from '../../../src/contract/errors';

const parse = (text: string): unknown => parseJsonBody(Buffer.from(text)).value;

function refusalOf(action: () => unknown): ConclaveError {
  try {
    action();
  } catch (error) {
    if (error instanceof ConclaveError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const fieldOf = (action: () => unknown) => {
  const { detail, fieldErrors } = refusalOf(action);
  return [detail, fieldErrors[0]?.path];
};

describe('Strict JSON', () => {
  it('reads every JSON value as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        const text = JSON.stringify(value);
        if (text.includes('"__proto__"') || !text.isWellFormed() || /\\ud[89a-f]/.test(text)) return;
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('never fails otherwise than with INVALID_REQUEST, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          parseJsonBody(bytes);
        } catch (error) {
          expect((error as ConclaveError).code).toBe('INVALID_REQUEST');
        }
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  it('names the place of half a character, in values and in keys', () => {
    expect(fieldOf(() => parse('{"a":{"b":[0,1,{"c":"x\\ud800"}]}}'))).toEqual([
      'lone_surrogate',
      'a.b[2].c',
    ]);
    expect(fieldOf(() => parse('{"a":{"\\udc00":1}}'))).toEqual(['lone_surrogate', 'a']);
    expect(fieldOf(() => parse('"\\ud800"'))).toEqual(['lone_surrogate', '']);
    expect(parse('"\\ud83d\\ude00"')).toBe('😀');
  });

  it('takes 32 levels and refuses more, without a stack overflow', () => {
    const lists = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(parse(lists(33))).toHaveLength(1);
    expect(fieldOf(() => parse(`{"a":${lists(34)}}`))).toEqual(['too_deep', 'a']);
    expect(refusalOf(() => parse(lists(2_000_000))).detail).toBe('too_deep');
  });

  it('refuses __proto__ as a key, however it is written, and takes its kin as data', () => {
    expect(fieldOf(() => parse('{"m":{"\\u005f_proto__":1}}'))).toEqual(['reserved_key', 'm.__proto__']);
    expect(parse('{"constructor":1,"prototype":2}')).toEqual({ constructor: 1, prototype: 2 });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('names a key that is given twice in one object, and only there', () => {
    expect(fieldOf(() => refuseDuplicateKeys('{"a":[{"b":1},{"b":1,"c":{},"b":2}]}'))).toEqual([
      'duplicate_key',
      'a[1].b',
    ]);
    expect(fieldOf(() => refuseDuplicateKeys('{"a":1,"\\u0061":1}'))).toEqual(['duplicate_key', 'a']);
    expect(() => refuseDuplicateKeys('{"a":{"a":{"a":[]}},"b":{"a":1}}')).not.toThrow();
  });

  it('writes paths as a.b[2].c and keeps them short', () => {
    expect(pathOf(['a', 'b', 2, 'c'])).toBe('a.b[2].c');
    expect(pathOf([0, 'a'])).toBe('[0].a');
    expect(pathOf([])).toBe('');
    const long = pathOf(['metadata', '😀'.repeat(1000)]);
    expect(long.length).toBeLessThanOrEqual(201);
    expect(long.isWellFormed()).toBe(true);
  });
});
