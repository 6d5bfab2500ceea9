import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(__dirname, '..', '..', '..');
const document = readFileSync(path.join(root, 'docs', 'security.md'), 'utf8');
const rows = document.split('\n').filter((line) => /^\| (?!element|risk|-)/.test(line));
const proof = /`(test\/[\w./-]+\.test\.ts)` “([^”]+)”/;

describe('docs/security.md', () => {
  it('answers each of the ten risks, and threats of all six kinds', () => {
    for (let risk = 1; risk <= 10; risk++)
      expect(rows.filter((row) => row.startsWith(`| API${risk} `))).toHaveLength(1);
    for (const kind of ['S', 'T', 'R', 'I', 'D', 'E'])
      expect([kind, rows.some((row) => row.includes(`**${kind}**`))]).toEqual([kind, true]);
  });

  it('names a test for each line, and each is there', () => {
    expect(rows.length).toBeGreaterThan(25);
    for (const row of rows) {
      const [, file, title] = proof.exec(row) ?? [];
      expect([row, file !== undefined && existsSync(path.join(root, file))]).toEqual([row, true]);
      expect([title, readFileSync(path.join(root, file!), 'utf8').includes(`'${title}`)]).toEqual([
        title,
        true,
      ]);
    }
  });
});
