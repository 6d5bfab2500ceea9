import { formatted } from '../../../src/policy/sprintf';

describe('sprintf of policies', () => {
  it('formats as C does', () => {
    expect(formatted('%s has %d of %5.1f%%', ['pii', 2, 3.14159])).toBe('pii has 2 of   3.1%');
  });

  it.each([
    ['%v %v %v %v', ['a', 1.5, true, null], 'a 1.5 true null'],
    [
      '%v %s',
      [
        ['a', { b: 1 }],
        [1, 2],
      ],
      '["a", {"b": 1}] [1, 2]',
    ],
    ['%d|%4d|%-4d|%04d|%+d', [1, 2, 3, -4, 5], '1|   2|3   |-004|+5'],
    ['%f %.2f %e %g %g', [3.14159, 2, 1234.5, 0.00001, 100000], '3.141590 2.00 1.234500e+03 1e-05 100000'],
    ['%x %X %o %b %c %u', [255, 255, 8, 5, 8364, 7], 'ff FF 10 101 € 7'],
    ['%x %d', [-255, 12345678901], '-ff 12345678901'],
    ['%v', [1234567.5], '1.2345675e+06'],
    ['%.2s|%4s|%-4s|', ['größe', '😀', 'b'], 'gr|   😀|b   |'],
    ['100%% %s', ['of 2024'], '100% of 2024'],
  ])('formats %j of %j', (format, values, text) => {
    expect(formatted(format, values)).toBe(text);
  });

  it.each([
    ['a width that fills the memory', '%099999999d', [1]],
    ['a precision without end', '%.999d', [1]],
    ['widths that are too much together', '%999d'.repeat(11), Array(11).fill(1)],
    ['numbers that are longer than they look', '%d'.repeat(40), Array(40).fill(1e308)],
    ['an endless format', 'x'.repeat(10_001), []],
    ['an endless value', '%s', ['x'.repeat(10_001)]],
  ])('does not format %s', (_what, format, values) => {
    expect(() => formatted(format, values)).toThrow('sprintf: formats too much');
  });

  it.each([
    ['a value again and again', '%1$.0s'],
    ['what a value is made of', '%(constructor.fromAsync)s'],
    ['indented JSON', '%9j'],
    ['padding of any kind', "%'x9d"],
    ['types', '%T'],
    ['truth', '%t'],
    ['nothing', '100%'],
  ])('has no placeholder for %s', (_what, format) => {
    expect(() => formatted(format, [[1]])).toThrow('sprintf: has no such placeholder');
  });

  it('traps where OPA complains in the text', () => {
    expect(() => formatted('%d', ['x'])).toThrow('sprintf: %d takes a number');
    expect(() => formatted('%s %s', ['x'])).toThrow('sprintf: has more placeholders than values');
  });

  it('wants a format and a list', () => {
    expect(() => formatted('%s', 'x')).toThrow('sprintf: takes a format and a list');
    expect(() => formatted(1, [])).toThrow('sprintf: takes a format and a list');
  });
});
