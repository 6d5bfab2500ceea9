import { formatted } from '../../../src/policy/sprintf';

describe('sprintf of policies', () => {
  it('formats as C does', () => {
    expect(formatted('%s has %d of %5.1f%%', ['pii', 2, 3.14159])).toBe('pii has 2 of   3.1%');
  });

  it.each([
    ['a width that fills the memory', '%099999999d', [1]],
    ['a value again and again', '%1$s'.repeat(2000), ['x'.repeat(5000)]],
    ['an endless format', 'x'.repeat(10_001), []],
    ['an endless value', '%s', ['x'.repeat(10_001)]],
  ])('does not format %s', (_what, format, values) => {
    expect(() => formatted(format, values)).toThrow('sprintf: formats too much');
  });

  it('wants a format and a list', () => {
    expect(() => formatted('%s', 'x')).toThrow('sprintf: takes a format and a list');
    expect(() => formatted(1, [])).toThrow('sprintf: takes a format and a list');
  });
});
