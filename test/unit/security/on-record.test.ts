import { nameOnRecord, presentable } from '../../../src/security/on-record';

const apiKey = `ck_0123456789abcdef_${'aB3-_'.repeat(9).slice(0, 43)}`;

describe('What is shown of the audit log', () => {
  it('names somebody as the credential does, and an e-mail address by its digest', () => {
    expect(nameOnRecord('key:0123456789abcdef')).toBe('key:0123456789abcdef');
    expect(nameOnRecord('ann@example.com')).toMatch(/^sha256:[0-9a-f]{16}$/);
    expect(nameOnRecord('Ann@Example.com')).toBe(nameOnRecord('ann@example.com'));
    expect(nameOnRecord('cert:ann@example.com')).toBe(`cert:${nameOnRecord('ann@example.com')}`);
    for (const odd of ['ann@1.example.com', 'ann@1-a.example.com', 'ann@1.0.com'])
      expect(nameOnRecord(odd)).toMatch(/^sha256:/);
    expect(nameOnRecord('bob@example.com')).not.toBe(nameOnRecord('ann@example.com'));
  });

  it.each([
    ['an API key of ours', apiKey],
    ['a token', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl'],
    ['a secret of callbacks', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    ['an e-mail address in a text', 'asked by ann@example.com'],
    ['a password in an address', `https://${'ann:hunter22'}@example.com/`],
    ['a key of a cloud', 'AKIAIOSFODNN7EXAMPLE'],
  ])('is without %s, wherever it stands', (_what, text) => {
    const shown = JSON.stringify(presentable({ a: { b: [text] }, [text]: 1, note: `x ${text}` }));
    for (const word of text.split(' ').filter((part) => part.length > 12)) expect(shown).not.toContain(word);
  });

  it('is without what is called a secret', () => {
    expect(presentable({ token: 'abc', private_key: 'def' })).toEqual({
      token: '[REDACTED:SECRET]',
      private_key: '[REDACTED:SECRET]',
    });
  });

  it('is else what it was', () => {
    const record = {
      correlation_id: '8f14e45f-ceea-467f-a2d1-3f1c0c4b7a10',
      address: '203.0.113.0',
      plan_digest: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      planned: ['pii@1.0', 'toxicity@2.1.3-rc.1'],
      received_at: '2026-11-22T10:00:00.000Z',
      numbers: [[1, 20]],
      coverage: 0.75,
      none: null,
      target: { key_id: '0123456789abcdef', made: '/api/v1/orchestrate/bulk/bulk-1' },
    };
    expect(presentable(record)).toEqual(record);
  });
});
