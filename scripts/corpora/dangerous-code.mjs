// Writes corpora/dangerous-code.jsonl: dangerous snippets in many languages and their clean look-alikes, each in two
// settings (as a file, and inside something people paste: chat, ticket, Markdown, commit). Run: node scripts/corpora/dangerous-code.mjs
import { writeFileSync } from 'node:fs';
import { clean } from './dangerous-code/clean.mjs';
import { dangerous } from './dangerous-code/dangerous.mjs';

const settings = [
  (code) => `Here is what the vendor sent us:\n\n\`\`\`\n${code}\n\`\`\`\nCan you merge it today?`,
  (code) => `🧪 step 3 of the runbook\n${code}\n# end of step`,
  (code) =>
    `@@ -10,3 +10,9 @@ setup\n${code
      .split('\n')
      .map((line) => `+${line}`)
      .join('\n')}`,
  (code) => `please explain what this does:\n${code}`,
  (code) =>
    `Ticket 4821 – Zoë says the job fails since Tuesday. Relevant part:\n\n    ${code.replaceAll('\n', '\n    ')}\n`,
  (code) => `/* added during the migration */\n${code}\n\n/* rest unchanged */`,
];

const lines = [];
let serial = 0;
const add = (kind, text, labels, note) => {
  serial += 1;
  const id = `${kind}-${String(serial).padStart(4, '0')}`;
  lines.push(JSON.stringify({ id, text, labels, ...(note && { note }) }));
};

for (const { code, labels, note } of dangerous) {
  add('danger', code, labels, note);
  add('danger', settings[serial % settings.length](code), labels, note);
}
for (const { code, note } of clean) {
  add('clean', code, [], note);
  add('clean', settings[serial % settings.length](code), [], note);
}
writeFileSync(new URL('../../corpora/dangerous-code.jsonl', import.meta.url), `${lines.join('\n')}\n`);
