// Writes corpora/pii.jsonl: synthetic personal data in varied surroundings, and clean texts that look like it.
// Deterministic: same script, same file. Check digits are computed here, not by the detector under test.
import { writeFileSync } from 'node:fs';
import { cleanFrames, cleanTexts, documents, frames, handwritten } from './pii-texts.mjs';

let state = 20260117;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const int = (low, high) => low + Math.floor(random() * (high - low + 1));
const pick = (list) => list[int(0, list.length - 1)];
const digits = (count, first = '0123456789') =>
  pick([...first]) + Array.from({ length: count - 1 }, () => int(0, 9)).join('');
const letters = (count, from = 'ABCDEFGHJKLMNPRSTWXYZ') =>
  Array.from({ length: count }, () => pick([...from])).join('');
const pad = (value, width = 2) => String(value).padStart(width, '0');
const grouped = (value, sizes, separator) => {
  let at = 0;
  return sizes.map((size) => value.slice(at, (at += size))).join(separator);
};

function luhnDigit(body) {
  const sum = [...body].reverse().reduce((total, character, index) => {
    const weighted = Number(character) * (index % 2 === 0 ? 2 : 1);
    return total + (weighted > 9 ? weighted - 9 : weighted);
  }, 0);
  return (10 - (sum % 10)) % 10;
}
const weighted = (body, weights) =>
  [...body].reduce((sum, digit, index) => sum + Number(digit) * weights[index], 0);
const mod97 = (text) =>
  [...text].reduce((rest, character) => Number(`${rest}${parseInt(character, 36)}`) % 97, 0);

const VERHOEFF_D = [
  '0123456789',
  '1234067895',
  '2340178956',
  '3401289567',
  '4012395678',
  '5987604321',
  '6598710432',
  '7659821043',
  '8765932104',
  '9876543210',
];
const VERHOEFF_P = [
  '0123456789',
  '1576283094',
  '5803796142',
  '8916043527',
  '9453126870',
  '4286573901',
  '2793806415',
  '7046913258',
];
function verhoeffDigit(body) {
  const check = [...body]
    .reverse()
    .reduce(
      (c, digit, index) => Number(VERHOEFF_D[c][Number(VERHOEFF_P[(index + 1) % 8][Number(digit)])]),
      0,
    );
  return [0, 4, 3, 2, 1, 5, 6, 7, 8, 9][check];
}

function card() {
  const [prefix, length] = pick([
    ['4539', 16],
    ['4', 16],
    ['5412', 16],
    ['5289', 16],
    ['2223', 16],
    ['6011', 16],
    ['3530', 16],
    ['37', 15],
    ['34', 15],
  ]);
  const body = prefix + digits(length - prefix.length - 1);
  const number = body + luhnDigit(body);
  const separator = pick(['', ' ', ' ', '-']);
  return separator === '' ? number : grouped(number, length === 15 ? [4, 6, 5] : [4, 4, 4, 4], separator);
}
function brokenCard() {
  const number = card();
  return number.slice(0, -1) + ((Number(number.at(-1)) + int(1, 9)) % 10);
}
function iban() {
  const [country, bban] = pick(
    [
      ['DE', () => digits(18)],
      ['FR', null],
      ['NL', () => `INGB${digits(10)}`],
      ['GB', () => `MIDL${digits(14)}`],
      ['AT', () => digits(16)],
      ['CH', () => digits(17)],
      ['IE', () => `AIBK${digits(14)}`],
      ['PL', null],
      ['LU', () => digits(16)],
      ['DK', () => digits(14)],
    ].filter(([, make]) => make),
  );
  const account = bban();
  const check = pad(98 - mod97(`${account}${country}00`));
  const compact = `${country}${check}${account}`;
  return random() < 0.5 ? compact : compact.replace(/(.{4})(?=.)/g, '$1 ');
}
const brokenIban = () => iban().replace(/\d(?=\D*$)/, (digit) => String((Number(digit) + int(1, 8)) % 10));

const area = () => pick(['212', '415', '312', '617', '206', '303', '512', '702', '904', '615']);
const phoneParts = () => [area(), '555', `01${digits(2)}`];
function phone() {
  const [a, b, c] = phoneParts();
  return pick([
    `(${a}) ${b}-${c}`,
    `${a}-${b}-${c}`,
    `${a}.${b}.${c}`,
    `+1 ${a} ${b} ${c}`,
    `+1-${a}-${b}-${c}`,
    `+1${a}${b}${c}`,
    `1-${a}-${b}-${c}`,
    `+44 20 7946 0${digits(3)}`,
    `+44 117 496 0${digits(3)}`,
    `+49 30 23125 ${digits(3)}`,
    `+33 1 99 00 ${digits(2)} ${digits(2)}`,
    `+61 2 5550 ${digits(4)}`,
    `+34 911 23 ${digits(2)} ${digits(2)}`,
    `+39 06 5550 ${digits(4)}`,
    `+91 98765 ${digits(5)}`,
    `+81 3-5555-0${digits(3)}`,
    `+55 11 95555-0${digits(3)}`,
    `+31 20 555 0${digits(3)}`,
  ]);
}
const barePhone = () => phoneParts().join('');

const given = [
  'maria',
  'john',
  'li',
  'fatima',
  'oluwaseun',
  'anna',
  'jörg',
  'chloe',
  'ravi',
  'sofia',
  'tomasz',
  'yuki',
];
const family = [
  'garcia',
  'smith',
  'wang',
  'okafor',
  'novak',
  'mueller',
  'rossi',
  'dubois',
  'patel',
  'kowalski',
  'tanaka',
  'silva',
];
const email = () =>
  pick([
    () => `${pick(given)}.${pick(family)}@example.com`,
    () => `${pick(given)}${int(1, 99)}@example.org`,
    () => `${pick(family)}+${pick(['news', 'work', 'shop'])}@mail.example.net`,
    () => `${pick(given)[0]}.${pick(family)}@dept.uni-example.edu`,
    () => `${pick(given)}_${pick(family)}@example.co.uk`,
    () => `${pick(given).toUpperCase()}.${pick(family).toUpperCase()}@EXAMPLE.COM`,
  ])();
const ipv4 = () =>
  pick([
    `10.${int(0, 255)}.${int(0, 255)}.${int(1, 254)}`,
    `192.168.${int(0, 255)}.${int(1, 254)}`,
    `203.0.113.${int(1, 254)}`,
    `198.51.100.${int(1, 254)}`,
    `172.${int(16, 31)}.${int(0, 255)}.${int(1, 254)}`,
  ]);
const hex = (count) => Array.from({ length: count }, () => int(0, 15).toString(16)).join('');
const ipv6 = () =>
  pick([
    `2001:db8:${hex(4)}::${hex(3)}`,
    `2001:db8:0:0:${hex(4)}:${hex(4)}:1:${hex(2)}`,
    `fd${hex(2)}:${hex(4)}:${hex(4)}::1`,
    `fe80::${hex(4)}:${hex(4)}:fe${hex(2)}:${hex(4)}`,
  ]);
const ip = () => (random() < 0.7 ? ipv4() : ipv6());
const mac = () => {
  const pairs = ['0' + pick(['0', '2', '4', '8']), 'a' + hex(1), hex(2), hex(2), hex(2), hex(2)];
  return pick([
    pairs.join(':'),
    pairs.join(':').toUpperCase(),
    pairs.join('-').toUpperCase(),
    `${pairs[0]}${pairs[1]}.${pairs[2]}${pairs[3]}.${pairs[4]}${pairs[5]}`,
  ]);
};
const ssnParts = () => [
  pad(pick([int(101, 665), int(667, 733)]), 3),
  pad(int(10, 99)),
  pad(int(1000, 9999), 4),
];
const ssn = () => ssnParts().join('-');
const bareSsn = () => ssnParts().join(pick(['', ' ']));
const invalidSsn = () =>
  pick([
    `000-${int(10, 99)}-${int(1000, 9999)}`,
    `666-${int(10, 99)}-${int(1000, 9999)}`,
    `9${digits(2)}-${int(10, 49)}-${int(1000, 9999)}`,
    `${int(101, 665)}-00-${int(1000, 9999)}`,
    `${int(101, 665)}-${int(10, 99)}-0000`,
  ]);
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const date = () => {
  const [year, month, day] = [int(1948, 2006), int(1, 12), int(1, 28)];
  return pick([
    `${pad(month)}/${pad(day)}/${year}`,
    `${year}-${pad(month)}-${pad(day)}`,
    `${day}.${month}.${year}`,
    `${day} ${months[month - 1]} ${year}`,
    `${months[month - 1]} ${day}, ${year}`,
    `${pad(day)}-${pad(month)}-${year}`,
  ]);
};
const recentDate = () =>
  pick([
    `2025-${pad(int(1, 12))}-${pad(int(1, 28))}`,
    `${int(1, 28)} ${pick(months)} 2025`,
    `${pad(int(1, 12))}/${pad(int(1, 28))}/2026`,
  ]);

const dniLetter = (number) => 'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23];
const dni = () => {
  const body = digits(8);
  return `${body}${pick(['', '-', ''])}${dniLetter(Number(body))}`;
};
const brokenDni = () => {
  const body = digits(8);
  return `${body}${dniLetter((Number(body) + int(1, 22)) % 23)}`;
};
const nie = () => {
  const [first, body] = [int(0, 2), digits(7)];
  return `${'XYZ'[first]}${body}${dniLetter(Number(`${first}${body}`))}`;
};
function cpfDigits() {
  const body = digits(9);
  const check = (text) => {
    const rest =
      (weighted(
        text,
        Array.from(text, (_, index) => text.length + 1 - index),
      ) *
        10) %
      11;
    return rest === 10 ? 0 : rest;
  };
  const first = check(body);
  return `${body}${first}${check(`${body}${first}`)}`;
}
const cpf = () => {
  const value = cpfDigits();
  return `${grouped(value.slice(0, 9), [3, 3, 3], '.')}-${value.slice(9)}`;
};
const brokenCpf = () => {
  const value = cpf();
  return value.slice(0, -1) + ((Number(value.at(-1)) + 3) % 10);
};
const aadhaarDigits = () => {
  const body = digits(11, '23456789');
  return `${body}${verhoeffDigit(body)}`;
};
const aadhaar = () => grouped(aadhaarDigits(), [4, 4, 4], pick([' ', ' ', '-']));
const brokenAadhaar = () => {
  const value = aadhaar();
  return value.slice(0, -1) + ((Number(value.at(-1)) + 1) % 10);
};
function nir() {
  const body = `${int(1, 2)}${pad(int(50, 99))}${pad(int(1, 12))}${pick(['75', '69', '13', '33', '59'])}${pad(int(1, 400), 3)}${pad(int(1, 300), 3)}`;
  const value = `${body}${pad(97 - Number(BigInt(body) % 97n))}`;
  return random() < 0.5 ? value : grouped(value, [1, 2, 2, 2, 3, 3, 2], ' ');
}
function pesel() {
  const body = `${pad(int(50, 99))}${pad(int(1, 12))}${pad(int(1, 28))}${digits(4)}`;
  return `${body}${(10 - (weighted(body, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)) % 10}`;
}
function bsn() {
  for (;;) {
    const body = digits(8, '12');
    const check = weighted(body, [9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    if (check < 10) return `${body}${check}`;
  }
}
function ahv() {
  const body = `756${digits(9)}`;
  const check = (10 - (weighted(body, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]) % 10)) % 10;
  return grouped(`${body}${check}`, [3, 4, 4, 2], '.');
}
function nhs() {
  for (;;) {
    const body = digits(9, '46');
    const check = (11 - (weighted(body, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 11;
    if (check < 10) return grouped(`${body}${check}`, [3, 3, 4], pick([' ', ' ', '-', '']));
  }
}
const nino = () => {
  const value = [
    pick(['AB', 'CE', 'JG', 'LM', 'PW', 'SR', 'TX']),
    pad(int(10, 99)),
    pad(int(10, 99)),
    pad(int(10, 99)),
    pick(['A', 'B', 'C', 'D']),
  ];
  return value.join(pick(['', ' ']));
};
const sin = () => {
  const body = digits(8, '12345679');
  return grouped(`${body}${luhnDigit(body)}`, [3, 3, 3], pick([' ', '-', '']));
};
const routing = () => {
  const body = pick(['0210000', '1110000', '2610000', '3220000', '0260000']) + int(1, 9);
  return `${body}${(10 - (weighted(body, [3, 7, 1, 3, 7, 1, 3, 7]) % 10)) % 10}`;
};
const account = () => digits(pick([8, 9, 10, 12]), '123456789');
const passport = () =>
  pick([
    digits(9, '12345'),
    `${letters(1)}${digits(8)}`,
    `C01X${digits(2)}T${digits(2)}`,
    `${digits(2)}${letters(2)}${digits(5)}`,
    `Y${letters(1, 'ABC')}${digits(7)}`,
    `${letters(2)}${digits(7)}`,
  ]);
const license = () =>
  pick([
    `${letters(1)}${digits(7)}`,
    `${letters(1)}${digits(12)}`,
    digits(8, '123456789'),
    `${letters(1)}${digits(3)}-${digits(4)}-${digits(4)}`,
    `MORGA${pick(['6', '7', '8'])}${pick(['01', '05', '11'])}${pick(['09', '14', '27'])}${digits(1)}SM${digits(1)}${letters(2)}`,
  ]);
const mrn = () => pick([digits(8), digits(7, '123456789'), `H-${digits(6)}`, digits(6, '123456789')]);

const makers = {
  email,
  phone,
  barePhone,
  card,
  brokenCard,
  iban,
  brokenIban,
  ip,
  ipv4,
  ipv6,
  mac,
  ssn,
  bareSsn,
  invalidSsn,
  date,
  recentDate,
  dni,
  brokenDni,
  nie,
  cpf,
  cpfDigits,
  brokenCpf,
  aadhaar,
  aadhaarDigits,
  brokenAadhaar,
  nir,
  pesel,
  bsn,
  ahv,
  nhs,
  nino,
  sin,
  routing,
  account,
  passport,
  license,
  mrn,
  // values whose check characters need tables of their own: samples from the issuers' documentation
  codice: () => pick(['RSSMRA85T10A562S', 'RCCMNL83S18D969H', 'MRTMTT91D08F205J']),
  hetu: () => pick(['131052-308T', '131052A308T']),
  personnummer: () => pick(['880320-0016', '811228-9874', '670919-9530']),
  ric: () => pick(['360426199101010071', '11010519491231002X', '440524188001010014']),
  curp: () => pick(['BOXW310820HNERXN09']),
  tfn: () => pick(['123 456 782', '876 543 210']),
  idnr: () => pick(['36 574 261 809', '36574261809']),
  pan: () => pick(['ACUPA7085R', 'ABCPK1234L', 'BNZPM2501F']),
  first: () => {
    const name = pick(given);
    return name[0].toUpperCase() + name.slice(1);
  },
  last: () => {
    const name = pick(family);
    return name[0].toUpperCase() + name.slice(1);
  },
  digits: () => digits(10, '12345'),
  hash: () => hex(40),
  md5: () => hex(32),
  uuid: () => [8, 4, 4, 4, 12].map((count) => hex(count)).join('-'),
  version: () => `${int(1, 20)}.${int(0, 20)}.${int(0, 99)}.${int(0, 400)}`,
  order: () => digits(pick([8, 10, 12])),
  small: () => String(int(2, 900)),
  year: () => String(int(1995, 2025)),
  time: () => `${pad(int(0, 23))}:${pad(int(0, 59))}:${pad(int(0, 59))}`,
  price: () => `${int(1, 900)}.${pad(int(0, 99))}`,
  epoch: () => `17${digits(8)}`,
};

const fill = (frame) => frame.replace(/\{(\w+)\}/g, (whole, name) => (makers[name] ? makers[name]() : whole));

const entries = [];
const seen = new Set();
function add(kind, text, labels, note) {
  if (seen.has(text)) return;
  seen.add(text);
  const id = `pii-${kind}-${pad(entries.length + 1, 4)}`;
  entries.push({ id, text, labels: [...new Set(labels)].sort(), ...(note && { note }) });
}
for (const [label, list, times = 1] of frames)
  for (let round = 0; round < times; round += 1) for (const frame of list) add(label, fill(frame), [label]);
for (const [labels, frame] of documents)
  for (let round = 0; round < 2; round += 1) add('document', fill(frame), labels);
for (const [labels, text, note] of handwritten) add('hand', text, labels, note);
for (const frame of cleanFrames) for (let round = 0; round < 2; round += 1) add('clean', fill(frame), []);
for (const text of cleanTexts) add('clean', text, []);

writeFileSync(
  new URL('../../corpora/pii.jsonl', import.meta.url),
  entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''),
);
console.log(`${entries.length} texts, ${entries.filter(({ labels }) => labels.length === 0).length} clean`);
