// Writes corpora/secrets.jsonl: synthetic secrets in varied surroundings, and clean texts that look like them.
// Deterministic: same script, same file. Every made-up secret carries the marker ⟦+⟧ inside, which readers of the
// corpus remove, so that scanners of the repository do not take it for a real one.
import { writeFileSync } from 'node:fs';
import { cleanFrames, cleanTexts, frames, handwritten } from './secrets-texts.mjs';

const MARKER = '⟦+⟧';
let state = 77001;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const int = (low, high) => low + Math.floor(random() * (high - low + 1));
const pick = (list) => list[int(0, list.length - 1)];
const from = (alphabet, count) => Array.from({ length: count }, () => pick([...alphabet])).join('');
const UPPER = 'ABCDEFGHJKLMNPQRSTUVWXYZ';
const LOWER = 'abcdefghijkmnopqrstuvwxyz';
const DIGITS = '0123456789';
const alnum = (count) =>
  `${from(UPPER, 1)}${from(LOWER, 1)}${from(DIGITS, 1)}${from(UPPER + LOWER + DIGITS, count - 3)}`;
const hex = (count) => from('0123456789abcdef', count);
const base64 = (count) => from(`${UPPER}${LOWER}${DIGITS}+/`, count);
const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
/** Puts the marker into the middle of a value, and after its prefix, where scanners look. */
const split = (value) => {
  const at = Math.min(3, value.length - 1);
  const middle = Math.max(at + 1, Math.floor(value.length / 2));
  return `${value.slice(0, at)}${MARKER}${value.slice(at, middle)}${MARKER}${value.slice(middle)}`;
};

const password = () =>
  pick([
    () =>
      `${pick(['Summer', 'Winter', 'Dragon', 'Monkey', 'Liverpool', 'Sunshine'])}${int(1, 99)}${pick(['!', '#', '$', ''])}`,
    () => `${from(LOWER, 4)}${from(DIGITS, 3)}${pick(['!', '@', '%'])}${from(UPPER, 3)}`,
    () => `${pick(['tr0ub4dor', 'p4ssw0rd', 'l3tm31n', 'c0rrecth0rse'])}${pick(['&3', '!', '99'])}`,
    () => alnum(12),
    () => `${from(UPPER, 1)}${from(LOWER, 6)}_${int(1000, 9999)}`,
  ])();
const line = () => base64(64);
function pem(kind, lines, closed = true) {
  const body = [`MII${base64(61)}`, ...Array.from({ length: lines }, line)].join('\n');
  return `-----BEGIN ${MARKER}${kind}-----\n${body}\n${closed ? `-----END ${MARKER}${kind}-----` : ''}`;
}
const jwt = () =>
  split(
    `${base64url({ alg: pick(['HS256', 'RS256', 'ES256']), typ: 'JWT' })}.${base64url({ sub: String(int(1, 99999)), name: 'x' })}.${base64(43).replaceAll('+', '-').replaceAll('/', '_')}`,
  );

const makers = {
  password: () => split(password()),
  awsId: () => split(`${pick(['AKIA', 'ASIA'])}${from('ABCDEFGHJKLMNPQRSTUVWXYZ234567', 16)}`),
  awsSecret: () => split(`${alnum(12)}/${alnum(14)}+${alnum(12)}`),
  gcp: () => split(`AIza${alnum(35)}`),
  gocspx: () => split(`GOCSPX-${alnum(28)}`),
  azureKey: () => split(`${base64(86)}==`),
  azureSecret: () => split(`${alnum(3)}8Q~${alnum(34)}`),
  stripe: () => split(`${pick(['sk', 'rk'])}_${pick(['live', 'test'])}_${alnum(24)}`),
  sendgrid: () => split(`SG.${alnum(22)}.${alnum(43)}`),
  twilio: () => split(`SK${hex(32)}`),
  mailgun: () => split(`key-${hex(32)}`),
  mailchimp: () => split(`${hex(32)}-us${int(1, 20)}`),
  openai: () => split(`sk-${pick(['proj-', ''])}${alnum(48)}`),
  anthropic: () => split(`sk-ant-api03-${alnum(93)}AA`),
  github: () => split(`${pick(['ghp', 'gho', 'ghs'])}_${alnum(36)}`),
  githubFine: () => split(`github_pat_${alnum(82)}`),
  gitlab: () => split(`glpat-${alnum(20)}`),
  slack: () => split(`xoxb-${from(DIGITS, 12)}-${from(DIGITS, 12)}-${alnum(24)}`),
  slackHook: () =>
    `https://hooks.${MARKER}slack.com/services/T${from(UPPER, 8)}/B${from(UPPER, 8)}/${MARKER}${alnum(24)}`,
  npm: () => split(`npm_${alnum(36)}`),
  huggingface: () => split(`hf_${from(UPPER + LOWER, 34)}`),
  shopify: () => split(`shpat_${hex(32)}`),
  pypi: () => split(`pypi-AgEIcHlwaS5vcmc${alnum(80)}`),
  digitalocean: () => split(`dop_v1_${hex(64)}`),
  telegram: () => split(`${from('123456789', 9)}:AA${alnum(33)}`),
  vault: () => split(`hvs.${alnum(95)}`),
  databricks: () => split(`dapi${hex(32)}`),
  docker: () => split(`dckr_pat_${alnum(27)}`),
  jwt,
  webhook: () => split(alnum(68)),
  random: () => split(alnum(pick([24, 32, 40]))),
  hexKey: () => split(hex(pick([32, 40]))),
  basic: () => split(Buffer.from(`svc:${password()}`).toString('base64')),
  rsa: () => pem('RSA PRIVATE KEY', 3),
  pkcs8: () => pem('PRIVATE KEY', 2),
  ec: () => pem('EC PRIVATE KEY', 1),
  cut: () => pem(pick(['RSA PRIVATE KEY', 'PRIVATE KEY']), int(0, 2), false),
  openssh: () =>
    `-----BEGIN ${MARKER}OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU${base64(33)}\n${line()}\n${line()}\n-----END ${MARKER}OPENSSH PRIVATE KEY-----`,
  escaped: () => pem('PRIVATE KEY', 2).replaceAll('\n', '\\n'),
  pgp: () =>
    `-----BEGIN ${MARKER}PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n${line()}\n${line()}\n-----END ${MARKER}PGP PRIVATE KEY BLOCK-----`,
  db: () =>
    `${pick(['app', 'admin', 'svc_orders', 'root'])}:${split(password().replace(/[@/#%]/g, '_'))}@${pick(['db', 'db.internal', '10.0.0.5', 'cluster0.example.net'])}`,
  // look-alikes
  hash: () => hex(40),
  sha256: () => hex(64),
  md5: () => hex(32),
  uuid: () => [8, 4, 4, 4, 12].map((count) => hex(count)).join('-'),
  blob: () => base64(120),
  short: () => hex(7),
  small: () => String(int(2, 900)),
  integrity: () => `sha512-${base64(86)}==`,
  bcrypt: () => `$2b$12$${from(`${UPPER}${LOWER}${DIGITS}./`, 53)}`,
  word: () => pick(['orders', 'billing', 'search', 'gateway', 'reports', 'profile']),
  badJwt: () =>
    `${Buffer.from('not json').toString('base64url')}.${base64url({ sub: '1' })}.${base64(43).replace(/[+/]/g, '_')}`,
};
const fill = (frame) => frame.replace(/\{(\w+)\}/g, (whole, name) => (makers[name] ? makers[name]() : whole));

const entries = [];
const seen = new Set();
function add(kind, text, labels, note) {
  if (seen.has(text)) return;
  seen.add(text);
  const id = `secrets-${kind}-${String(entries.length + 1).padStart(4, '0')}`;
  entries.push({ id, text, labels: [...new Set(labels)].sort(), ...(note && { note }) });
}
for (const [labels, list, times = 1] of frames)
  for (let round = 0; round < times; round += 1)
    for (const frame of list) add(labels.join('-'), fill(frame), labels);
for (const [labels, text, note] of handwritten)
  add('hand', fill(text).replaceAll('~~', MARKER), labels, note);
for (const frame of cleanFrames) for (let round = 0; round < 2; round += 1) add('clean', fill(frame), []);
for (const text of cleanTexts) add('clean', text, []);

writeFileSync(
  new URL('../../corpora/secrets.jsonl', import.meta.url),
  entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''),
);
console.log(`${entries.length} texts, ${entries.filter(({ labels }) => labels.length === 0).length} clean`);
