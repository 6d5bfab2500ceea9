import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { BuiltinFinding } from '../../../src/detectors/builtin/builtin-detector';
import { loadCorpus, scoreCorpus } from '../../../src/detectors/builtin/scoring';
import { secretsDetector } from '../../../src/detectors/builtin/secrets';

const cut = (text: string, { start, end }: BuiltinFinding): string => [...text].slice(start, end).join('');
const seen = async (text: string): Promise<string[]> =>
  (await secretsDetector.detect(text)).map((finding) => `${finding.label}=${cut(text, finding)}`);

// joined here, so that no scanner of this repository takes them for real
const random = ['aB3dE5gH7jK9mN1p', 'Q2sT4vW6xY8zA0cD'].join('');
const awsId = ['AKIA', 'Q7RTX2MNB4KLP9WZ'].join('');
const github = ['ghp', `${random}abCD`].join('_');
const google = ['AIza', `${random}abc`].join('');
const jwt = (header: string) =>
  [Buffer.from(header).toString('base64url'), 'eyJzdWIiOiIxIn0', random].join('.');
const begin = ['-----BEGIN', 'RSA PRIVATE KEY-----'].join(' ');
const end = ['-----END', 'RSA PRIVATE KEY-----'].join(' ');
const material = `MIIEpAIBAAKCAQEA7bq9${random}\n${random}${random}`;

describe('secrets: what is found', () => {
  it.each<[string, string[]]>([
    [`key ${awsId}`, [`api_key=${awsId}`]],
    [`aws_secret_access_key = ${random}Zz/9+QqX`, [`api_key=${random}Zz/9+QqX`]],
    [`gh ${github}`, [`token=${github}`]],
    [`maps?key=${google}&x`, [`api_key=${google}`]],
    ['password = "hunter2!"', ['password=hunter2!']],
    ['the password is Tr0ub4dor&3', ['password=Tr0ub4dor&3']],
    ['Passwort lautet Geheim#2024.', ['password=Geheim#2024']],
    ['<password>Sup3rS3cret</password>', ['password=Sup3rS3cret']],
    [`"api_key": "${random}"`, [`api_key=${random}`]],
    [`X-Api-Key: ${random}`, [`api_key=${random}`]],
    [`Authorization: Bearer ${random}`, [`token=${random}`]],
    ['Authorization: Basic dXNlcjpodW50ZXIyIQ==', ['password=dXNlcjpodW50ZXIyIQ==']],
    ['curl -u bob:hunter22 https://x', ['password=hunter22']],
    ['postgres://app:s3cr3tPw@db.int:5432/x', ['connection_string=postgres://app:s3cr3tPw@db.int:5432/x']],
    ['redis://:p4ssw0rd@h:6379', ['connection_string=redis://:p4ssw0rd@h:6379']],
    ['Server=db1;User Id=app;Password=Gh5$kk2!;', ['connection_string=Password=Gh5$kk2!']],
    [jwt('{"alg":"HS256"}'), [`token=${jwt('{"alg":"HS256"}')}`]],
    [`x ${begin}\n${material}\n${end} y`, [`private_key=${begin}\n${material}\n${end}`]],
    [`x ${begin}\n${material}\n... cut`, [`private_key=${begin}\n${material}`]],
  ])('%s', async (text, expected) => {
    expect(await seen(text)).toEqual(expected);
  });

  it.each([
    '550e8400-e29b-41d4-a716-446655440000',
    'commit 9fceb02d0ae598e95dc970b74767f19372d61af8',
    'password_hash: $2b$12$abcdefghijklmnopqrstuv',
    'password: $2b$12$abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ01234',
    'password: process.env.PW',
    'API_KEY=<your-key>',
    'api_key=xxxxxxxxxxxxxxxxxxxx',
    'password=changeme',
    'token: string',
    'max_tokens: 4096',
    'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk',
    `${begin.replace('RSA PRIVATE', 'PUBLIC')}\n${material}`,
    `armor begins with ${begin} and ends alike`,
    `${begin}\n...\n${end}`,
    jwt('{"typ":"x"}'),
    'postgres://user:password@localhost/app',
    `${awsId.slice(0, 4)}IOSFODNN7EXAMPLE`,
  ])('clean: %s', async (text) => {
    expect(await seen(text)).toEqual([]);
  });

  it('cannot be switched off by a comment in the text', async () => {
    expect(await seen(`/* secretlint-disable */ ${github}`)).toEqual([`token=${github}`]);
  });

  it.each(['😀😀 ', 'e\u0301\u0308 ', '👩‍👩‍👧‍👦 ', '\ud83d '])('counts code points behind %j', async (prefix) => {
    expect(await secretsDetector.detect(`${prefix}${github}`)).toEqual([
      {
        start: [...prefix].length,
        end: [...prefix].length + 40,
        label: 'token',
        type: 'secret',
        score: 0.97,
      },
    ]);
  });

  it('leaves nothing behind in the process-wide performance timeline', async () => {
    const before = performance.getEntries().length;
    await secretsDetector.detect(github);
    expect(performance.getEntries()).toHaveLength(before);
  });
});

describe('secrets: hostile input of 50,000 characters', () => {
  it.each([
    '1',
    'a',
    'password=',
    'password="',
    'a.',
    'eyJ',
    `${begin}\n`,
    'a://:',
    'x://a:b@',
    'curl -u ',
    'password for a ',
    'sk-',
    'xoxb-a-',
    'PuTTY-User-Key-File-2:',
    'mongodb://',
    '/',
  ])(
    'repeated %j returns',
    async (unit) => {
      const text = unit.repeat(Math.floor(50_000 / unit.length));
      for (const { start, end: stop } of await secretsDetector.detect(text))
        expect(stop).toBeGreaterThan(start);
    },
    5_000,
  );

  it('private key armor followed by endless material returns one finding', async () => {
    const findings = await secretsDetector.detect(`${`${begin}\n`.repeat(900)}${'Ab1/'.repeat(5_000)}`);
    expect(findings.filter(({ label }) => label === 'private_key')).toHaveLength(1);
  });
});

describe('secrets: corpus', () => {
  const entries = loadCorpus(join(__dirname, '../../../corpora/secrets.jsonl'));

  it('is large, half clean, and joined', () => {
    expect(entries.length).toBeGreaterThanOrEqual(500);
    expect(entries.filter(({ labels }) => labels.length === 0).length).toBeGreaterThanOrEqual(
      entries.length * 0.45,
    );
    expect(entries.some(({ text }) => text.includes('⟦+⟧'))).toBe(false);
  });

  it('holds the floors of precision and recall', async () => {
    const score = await scoreCorpus(secretsDetector, entries);
    expect(score.precision).toBeGreaterThanOrEqual(0.975);
    expect(score.recall).toBeGreaterThanOrEqual(0.92);
    const floors: Record<string, number> = {
      api_key: 68,
      connection_string: 32,
      password: 97,
      private_key: 26,
      token: 67,
    };
    for (const [label, floor] of Object.entries(floors)) {
      expect(score.perLabel[label]?.truePositives ?? 0).toBeGreaterThanOrEqual(floor);
    }
  });

  it('expects only labels of the label file, whose categories are those the detector declares', () => {
    const file = parse(readFileSync(join(__dirname, '../../../taxonomy/detectors/secrets.yaml'), 'utf8')) as {
      labels: { label: string; category: string }[];
    };
    const known = new Set(file.labels.map(({ label }) => label));
    expect(entries.flatMap(({ labels }) => labels).filter((label) => !known.has(label))).toEqual([]);
    expect([...new Set(file.labels.map(({ category }) => category))].sort()).toEqual(
      secretsDetector.taxonomyCategories,
    );
  });
});
