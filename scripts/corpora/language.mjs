// Writes corpora/language.jsonl: short and medium texts in 26 languages, and English ones with all that makes English
// hard to recognize. Labels are those expected with {expected_languages: ['en']}. Run: node scripts/corpora/language.mjs
import { writeFileSync } from 'node:fs';
import { english, tooShort } from './language/english.mjs';
import { foreign } from './language/foreign.mjs';

const lines = [];
const add = (id, text, labels, note) =>
  lines.push(JSON.stringify({ id, text, labels, ...(note && { note }) }));
const numbered = (prefix, index) => `${prefix}-${String(index + 1).padStart(3, '0')}`;

for (const [code, sentences] of Object.entries(foreign)) {
  const label = [`language_${code}`];
  sentences.forEach((text, index) => add(numbered(code, index), text, label));
  for (let index = 0; index + 1 < sentences.length; index += 2)
    add(numbered(`${code}-pair`, index / 2), `${sentences[index]} ${sentences[index + 1]}`, label);
  add(
    `${code}-mail`,
    `👋 ${sentences[1]}\n\nhttps://example.org/a/12 — 24/7, +1 555 0100\n${sentences[3]}`,
    label,
    'mixed with a link',
  );
}
english.forEach((text, index) => add(numbered('en', index), text, []));
for (let index = 0; index + 1 < english.length; index += 2)
  add(numbered('en-pair', index / 2), `${english[index]} ${english[index + 1]}`, []);
english
  .slice(0, 30)
  .forEach((text, index) =>
    add(numbered('en-upper', index), index % 2 === 0 ? text.toUpperCase() : text.toLowerCase(), [], 'case'),
  );
tooShort.forEach((text, index) => add(numbered('short', index), text, [], 'too short to tell'));
writeFileSync(new URL('../../corpora/language.jsonl', import.meta.url), `${lines.join('\n')}\n`);
