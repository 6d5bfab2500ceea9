import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { BuiltinFinding, DetectorParams } from '../../../src/detectors/builtin/builtin-detector';
import { piiDetector } from '../../../src/detectors/builtin/pii';
import { loadCorpus, scoreCorpus } from '../../../src/detectors/builtin/scoring';

const find = async (text: string, params?: DetectorParams): Promise<BuiltinFinding[]> =>
  piiDetector.detect(text, params);
const cut = (text: string, { start, end }: BuiltinFinding): string => [...text].slice(start, end).join('');
const seen = async (text: string, params?: DetectorParams): Promise<string[]> =>
  (await find(text, params)).map((finding) => `${finding.label}=${cut(text, finding)}`);

describe('pii: what is found', () => {
  it.each([
    ['mail to jo.e+x@exa-mple.co.uk.', ['email=jo.e+x@exa-mple.co.uk']],
    ['jane[at]site[dot]org', ['email=jane[at]site[dot]org']],
    ['call 415-555-2671, 415-555-2672', ['phone=415-555-2671', 'phone=415-555-2672']],
    ['call 4155552671', ['phone=4155552671']],
    ['4111 1111 1111 1111', ['credit_card=4111 1111 1111 1111']],
    ['4111\u00a01111\u00a01111\u00a01111', ['credit_card=4111\u00a01111\u00a01111\u00a01111']],
    ['3782 822463 10005', ['credit_card=3782 822463 10005']],
    ['GB82 WEST 1234 5698 7654 32 AND', ['iban=GB82 WEST 1234 5698 7654 32']],
    ['http://192.168.1.1:80/x from 8.8.8.8.', ['ip_address=192.168.1.1', 'ip_address=8.8.8.8']],
    ['2001:db8::1', ['ip_address=2001:db8::1']],
    ['00:1A:2b:3c:4d:5e or 001a.2b3c.4d5e', ['mac_address=00:1A:2b:3c:4d:5e', 'mac_address=001a.2b3c.4d5e']],
    ['SSN 536-90-4399', ['ssn=536-90-4399']],
    ['SSN 536904399', ['ssn=536904399']],
    ['DNI 12345678Z, NIE X1234567L', ['es_dni=12345678Z', 'es_nie=X1234567L']],
    ['RSSMRA85T10A562S', ['it_fiscal_code=RSSMRA85T10A562S']],
    ['390.533.447-05', ['br_cpf=390.533.447-05']],
    ['Aadhaar 2341 2341 2346', ['in_aadhaar=2341 2341 2346']],
    ['NIR 2 95 10 99 126 111 93', ['fr_nir=2 95 10 99 126 111 93']],
    ['NINO AB 12 34 56 C', ['uk_national_insurance_number=AB 12 34 56 C']],
    ['born 12/03/1985', ['date_of_birth=12/03/1985']],
    ['passport no. 536904399', ['passport=536904399']],
    [
      'L898902C36UTO7408122F1204159ZE184226B<<<<<10',
      ['passport=L898902C36UTO7408122F1204159ZE184226B<<<<<10'],
    ],
    ['DL: D1234567', ['driver_license=D1234567']],
    ['routing 021000021 account number 123456789', ['routing_number=021000021', 'bank_account=123456789']],
  ])('%s', async (text, expected) => {
    expect(await seen(text)).toEqual(expected);
  });

  it.each([
    '4111111111111112',
    'GB82 WEST 1234 5698 7654 33',
    'version 1.2.3.4, Chrome/120.0.6099.109, 10.0.0.0/8, 127.0.0.1',
    'std::vector a::b 12:30:45 ff:ff:ff:ff:ff:ff',
    '000-12-3456 666-12-3456 900-12-3456 536-00-4399',
    '12345678A RSSMRA85T10A562X 111.111.111-11',
    'order 4155552671, part 536-90-4399, 536904399',
    'logo@2x.png git@github.com:a/b.git https://bob:hunter2@host.com/x',
    'the meeting on 12/03/2024',
  ])('clean: %s', async (text) => {
    expect(await seen(text)).toEqual([]);
  });
});

describe('pii: spans and overlaps', () => {
  it.each(['😀😀 ', 'e\u0301\u0308 ', '👩‍👩‍👧‍👦 ', '\ud83d ', 'Ｗ '])(
    'counts code points behind %j',
    async (prefix) => {
      const text = `${prefix}SSN 536-90-4399`;
      const [finding] = await find(text);
      expect(finding).toMatchObject({ start: [...prefix].length + 4, end: [...text].length, type: 'pii' });
    },
  );

  it('reads full-width digits and keeps their span', async () => {
    expect(await seen('ｊｏｅ＠ｅｘａｍｐｌｅ．ｃｏｍ ok')).toEqual(['email=ｊｏｅ＠ｅｘａｍｐｌｅ．ｃｏｍ']);
  });

  it('lets the nearer of two words decide what a number is', async () => {
    expect(await seen('SSN 536904399, passport 123456789')).toEqual(['ssn=536904399', 'passport=123456789']);
  });

  it('reports sorted, disjoint findings with scores in [0, 1]', async () => {
    const findings = await find(
      'Tel 415-555-2671, card 4111 1111 1111 1111, a@example.com, SSN 536-90-4399, 10.0.0.1',
    );
    expect(findings).toHaveLength(5);
    findings
      .slice(1)
      .forEach((next, index) => expect(next.start).toBeGreaterThanOrEqual(findings[index]?.end ?? 0));
    for (const { score } of findings) expect(score > 0 && score <= 1).toBe(true);
  });

  it('scores a number higher beside a word that vouches for it', async () => {
    const [[alone], [vouched]] = [await find('it is 536-90-4399'), await find('SSN 536-90-4399')];
    expect(vouched?.score).toBeGreaterThan(alone?.score ?? 1);
  });
});

describe('pii: params', () => {
  it('reads national phone numbers by default_country', async () => {
    expect(await seen('tel 020 7946 0958')).toEqual([]);
    expect(await seen('tel 020 7946 0958', { default_country: 'gb' })).toEqual(['phone=020 7946 0958']);
  });

  it('refuses a country that does not exist', () => {
    expect(() => piiDetector.detect('x', { default_country: 'XX' })).toThrow(/country/);
  });
});

describe('pii: hostile input of 50,000 characters', () => {
  it.each([
    '1',
    'a',
    'a@',
    '1.',
    '(1) ',
    '+1',
    'GB82',
    '4111 ',
    'a:',
    '536-90-4399 ',
    'jan 1 ',
    '111222333 ',
    'P<',
    ' ',
  ])(
    'repeated %j returns',
    async (unit) => {
      const text = unit.repeat(Math.floor(50_000 / unit.length));
      for (const { start, end } of await find(text)) expect(end).toBeGreaterThan(start);
    },
    5_000,
  );
});

describe('pii: corpus', () => {
  const entries = loadCorpus(join(__dirname, '../../../corpora/pii.jsonl'));

  it('is large, and nearly half clean', () => {
    expect(entries.length).toBeGreaterThanOrEqual(500);
    expect(entries.filter(({ labels }) => labels.length === 0).length).toBeGreaterThanOrEqual(
      entries.length * 0.4,
    );
  });

  it('holds the floors of precision and recall', async () => {
    const score = await scoreCorpus(piiDetector, entries);
    expect(score.precision).toBeGreaterThanOrEqual(0.975);
    expect(score.recall).toBeGreaterThanOrEqual(0.945);
    const floors: Record<string, number> = {
      email: 47,
      phone: 48,
      credit_card: 34,
      iban: 30,
      ip_address: 34,
      mac_address: 16,
      ssn: 30,
      date_of_birth: 35,
      passport: 20,
      driver_license: 18,
      routing_number: 6,
      bank_account: 7,
      medical_record: 7,
    };
    for (const [label, floor] of Object.entries(floors)) {
      expect(score.perLabel[label]?.truePositives ?? 0).toBeGreaterThanOrEqual(floor);
    }
  });

  it('expects only labels of the label file, whose categories are those the detector declares', () => {
    const file = parse(readFileSync(join(__dirname, '../../../taxonomy/detectors/pii.yaml'), 'utf8')) as {
      labels: { label: string; category: string }[];
    };
    const known = new Set(file.labels.map(({ label }) => label));
    expect(entries.flatMap(({ labels }) => labels).filter((label) => !known.has(label))).toEqual([]);
    expect([...new Set(file.labels.map(({ category }) => category))].sort()).toEqual(
      piiDetector.taxonomyCategories,
    );
  });
});
