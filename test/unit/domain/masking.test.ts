import type { Signal } from '../../../src/domain/judgement';
import { masked } from '../../../src/domain/masking';

const signal = (category: string | null, start: number | null, end: number | null, flags = true): Signal => ({
  detector: 'pii',
  label: 'x',
  category,
  strength: 1,
  start,
  end,
  benign: false,
  flags,
});
const email = (start: number, end: number) => signal('PII.Contact.Email', start, end);

describe('masked', () => {
  it('replaces what findings of the categories name, counted in code points', () => {
    const content = '😀 a@b.c and d@e.f';
    expect(masked(content, [email(12, 17), email(2, 7)], ['PII'])).toBe(
      '😀 [REDACTED:PII.Contact.Email] and [REDACTED:PII.Contact.Email]',
    );
  });

  it('shows nothing of places that overlap', () => {
    const inner = signal('PII.Identifier', 2, 4);
    expect(masked('abcdefgh', [inner, email(1, 5), email(4, 7)], ['PII'])).toBe(
      'a[REDACTED:PII.Contact.Email]h',
    );
  });

  it('is not to be had where something else flags, or a finding does not say where', () => {
    expect(masked('abc', [email(0, 1), signal('HARM.SPEECH', 1, 2)], ['PII'])).toBeNull();
    expect(masked('abc', [email(0, 1), signal('PII.Contact.Email', null, null)], ['PII'])).toBeNull();
    expect(masked('abc', [email(0, 1), signal(null, 1, 2)], ['PII'])).toBeNull();
    expect(masked('abc', [email(0, 1)], [])).toBeNull();
    expect(masked('abc', [email(0, 1), signal('HARM.SPEECH', 1, 2, false)], ['PII'])).not.toBeNull();
  });
});
