import fc from 'fast-check';
import { isSensitiveField, maxScrubLength, scrub } from '../../../src/security/scrub';

/** Synthetic secrets, put together here so that no scanner of the repository takes them for real ones. */
const githubToken = ['gh', 'p_', 'a1B2'.repeat(9)].join('');
const awsKey = ['AK', 'IA', 'EXAMPLE7EXAMPLE7'].join('');
const jwt = ['eyJ' + 'hbGciOiJub25lIn0', 'eyJ' + 'zdWIiOiJ0ZXN0In0', 'c2lnbmF0dXJl'].join('.');
const keyBlock = ['-----BEGIN RSA PRIVATE', ' KEY-----\nAAAA\nBBBB\n-----END RSA PRIVATE', ' KEY-----'].join(
  '',
);

describe('scrub replaces', () => {
  it.each([
    ['an e-mail address', 'write to ann.o+x@mail.example.org now', 'write to [REDACTED:EMAIL] now', 'EMAIL'],
    ['an address with other letters', 'an jörg@bücher.example bitte', 'an [REDACTED:EMAIL] bitte', 'EMAIL'],
    [
      'an international phone number',
      'ring +49 30 1234567, thanks',
      'ring [REDACTED:PHONE], thanks',
      'PHONE',
    ],
    ['a bracketed phone number', 'ring (212) 555-0123', 'ring [REDACTED:PHONE]', 'PHONE'],
    ['a dashed phone number', 'ring 212-555-0123.', 'ring [REDACTED:PHONE].', 'PHONE'],
    ['a national phone number', 'ring 01 23 45 67 89', 'ring [REDACTED:PHONE]', 'PHONE'],
    ['an IBAN', 'to DE89370400440532013000 today', 'to [REDACTED:IBAN] today', 'IBAN'],
    ['a spaced IBAN before words', 'GB29 NWBK 6016 1331 9268 19 IS MINE', '[REDACTED:IBAN] IS MINE', 'IBAN'],
    ['an IBAN behind a false start', 'RE99 DE89370400440532013000', 'RE99 [REDACTED:IBAN]', 'IBAN'],
    ['a US social security number', 'ssn 536-90-4399', 'ssn [REDACTED:SSN]', 'SSN'],
    ['a payment card number', 'card 4111 1111 1111 1111 ok', 'card [REDACTED:CARD] ok', 'CARD'],
    ['a card behind a year', '2024 4111 1111 1111 1111', '2024 [REDACTED:CARD]', 'CARD'],
    ['a card before a year', '4111111111111111 2024.', '[REDACTED:CARD] 2024.', 'CARD'],
    ['a card after an underscore', 'pan_4111111111111111', 'pan_[REDACTED:CARD]', 'CARD'],
    ['an IPv4 address', 'from 203.0.113.9:80', 'from [REDACTED:IP]:80', 'IP'],
    ['an IPv6 address', 'from 2001:db8::8a2e:370 on', 'from [REDACTED:IP] on', 'IP'],
    ['the loopback address', 'from ::1 on', 'from [REDACTED:IP] on', 'IP'],
    ['a JWT', `auth ${jwt}!`, 'auth [REDACTED:JWT]!', 'JWT'],
    [
      'a bearer token',
      'Authorization: Bearer abcdef0123456789',
      'Authorization: Bearer [REDACTED:SECRET]',
      'SECRET',
    ],
    ['a known token form', `use ${githubToken}.`, 'use [REDACTED:SECRET].', 'SECRET'],
    ['a cloud key id', `id ${awsKey}`, 'id [REDACTED:SECRET]', 'SECRET'],
    ['an API key assignment', 'api_key=abc123def', 'api_key=[REDACTED:SECRET]', 'SECRET'],
    ['a token in JSON', '{"access_token": "abc 123 def"}', '{"access_token": [REDACTED:SECRET]}', 'SECRET'],
    ['a token in escaped JSON', '{\\"token\\":\\"abc1234\\"}', '{\\"token\\":\\[REDACTED:SECRET]}', 'SECRET'],
    ['a password assignment', 'password: hunter2', 'password: [REDACTED:PASSWORD]', 'PASSWORD'],
    [
      'a password in a URL',
      'postgres://app:s3cret@db/x',
      'postgres://app:[REDACTED:PASSWORD]@db/x',
      'PASSWORD',
    ],
    ['a private key block', `x ${keyBlock} y`, 'x [REDACTED:PRIVATE_KEY] y', 'PRIVATE_KEY'],
    ['a private key cut off', keyBlock.slice(0, 40), '[REDACTED:PRIVATE_KEY]', 'PRIVATE_KEY'],
  ])('%s', (_what, text, clean, kind) => {
    expect(scrub(text)).toEqual({ text: clean, kinds: [kind] });
  });

  it('several kinds at once', () => {
    expect(scrub('a@b.example paid with 4111111111111111')).toEqual({
      text: '[REDACTED:EMAIL] paid with [REDACTED:CARD]',
      kinds: ['EMAIL', 'CARD'],
    });
  });

  it('a text too long to examine, as a whole', () => {
    expect(scrub('a'.repeat(maxScrubLength + 1))).toEqual({
      text: '[REDACTED:WITHHELD]',
      kinds: ['WITHHELD'],
    });
  });
});

describe('scrub leaves', () => {
  it.each([
    ['labels', 'email ssn_detected EMAIL_ADDRESS sexual/minors token password no_pii'],
    ['a card number with a wrong checksum', '4111 1111 1111 1112'],
    ['one digit over and over', '0000000000000000'],
    ['an IBAN with a wrong checksum', 'DE89370400440532013001'],
    ['impossible social security numbers', '000-12-3456, 666-12-3456, 536-00-4399'],
    ['a UUID', '12345678-1234-4123-8123-123456789012'],
    ['a digest', 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
    ['a timestamp', '2026-11-21T10:09:38.419Z'],
    ['a score', '0.4111111111111111'],
    ['versions', '3.0.0 and 1.2.3-beta.4'],
    ['code', 'std::string a::b 10:20:30'],
    ['secrets as words', 'token: missing; secret = unset'],
    ['control references', 'ISO27001:A.12.4.1 HIPAA:164.312(e)(1)'],
  ])('%s', (_what, text) => {
    expect(scrub(text)).toEqual({ text, kinds: [] });
  });
});

it('changes nothing when run on its own output', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'a@b.example',
      '4111111111111111',
      'password=hunter2',
      jwt,
      'DE89370400440532013000',
      '203.0.113.9',
    ),
    fc.constantFrom(' ', ':', '=', '"', '@', '\n', 'token', '://', '[REDACTED:'),
    fc.string({ maxLength: 8 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const once = scrub(pieces.join(' ')).text;
      expect(scrub(once).text).toBe(once);
    }),
    { seed: 7, numRuns: 2000 },
  );
});

it.each([
  'a',
  '1',
  '1 ',
  '1-',
  '+1',
  'eyJ-',
  'eyJaaaaa.',
  'a@',
  'a.',
  'a:',
  ':',
  '1:',
  '://a:',
  'token=',
  'token:',
  '"password":"',
  'AB12',
  'AB12 ',
  '-----BEGIN PRIVATE KEY',
  'bearer ',
  'sk-',
  '1.1.',
  '(123) ',
])('ends on hostile repetitions of %j', (piece) => {
  const hostile = piece.repeat(Math.ceil(50_000 / piece.length));
  expect(typeof scrub(hostile).text).toBe('string');
});

it('knows field names that hold secrets', () => {
  expect(['password', 'API_Key', 'private-key', 'credit_card'].every(isSensitiveField)).toBe(true);
  expect(['email', 'label', 'tokens_processed'].some(isSensitiveField)).toBe(false);
});
