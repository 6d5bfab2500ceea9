import { redactJson, redactText } from '../../../src/security/redact';

const content = 'Our plan for the merger with Initech is to sign on Friday, quietly.';

describe('redactText', () => {
  it.each(['toxic', 'pii_detected', 'the model is not sure', ''])('leaves %j as it is', (text) => {
    expect(redactText(text, content)).toBe(text);
  });

  it.each([
    ['mail bob@example.com', 'mail [REDACTED:EMAIL]'],
    ['from 192.168.10.7', 'from [REDACTED:IP]'],
    ['ssn 536-22-8145', 'ssn [REDACTED:SSN]'],
  ])('%j becomes %j', (text, redacted) => {
    expect(redactText(text, content)).toBe(redacted);
  });

  it('hides a text that repeats 24 characters of the content, wherever they stand in either', () => {
    for (let at = 0; at + 24 <= content.length; at++) {
      for (const lead of ['', 'x', 'quoted as: ', '0123456789ab']) {
        const text = `${lead}${content.slice(at, at + 24)} - end of the quote`;
        expect(redactText(text, content)).toBe('[REDACTED:CONTENT]');
      }
    }
  });

  it('lets 23 characters pass, and texts of up to 32 characters', () => {
    expect(redactText(`0123456789 ${content.slice(5, 28)}#`, content)).not.toContain('REDACTED');
    expect(redactText(content.slice(0, 32), content)).toBe(content.slice(0, 32));
    expect(redactText(content.slice(0, 33), content)).toBe('[REDACTED:CONTENT]');
  });

  it('removes NUL and lone surrogates, before it looks for the content', () => {
    expect(redactText('a\0b\udc00c\ud83d😀', content)).toBe('abc😀');
    expect(redactText([...content].join('\0'), content)).toBe('[REDACTED:CONTENT]');
  });
});

describe('redactJson', () => {
  it('redacts every string at any depth, keys too, and keeps all other values', () => {
    const value = { n: 1, list: [null, true, 'bob@example.com', { deep: content }], [content]: 2 };
    expect(redactJson(value, content)).toEqual({
      n: 1,
      list: [null, true, '[REDACTED:EMAIL]', { deep: '[REDACTED:CONTENT]' }],
      '[REDACTED:CONTENT]': 2,
    });
  });
});
