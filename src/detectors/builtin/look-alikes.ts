/**
 * Characters that readers take for a Latin letter or an ASCII sign and that NFKD leaves as they are: the letters which
 * homoglyph attacks use (Cyrillic, Greek, Armenian, Cherokee, phonetic small capitals), typographic quotes and dashes.
 * Deliberately small: the full Unicode list also folds ordinary CJK, Hebrew or Arabic letters and so garbles honest text.
 */
const groups: readonly (readonly [ascii: string, characters: string])[] = [
  ['a', 'аАαΑɑᴀᎪ'],
  ['b', 'ВвΒʙᏴƀ'],
  ['c', 'сСϲϹᴄᏟↄ'],
  ['d', 'ԁᴅᎠđɗ'],
  ['e', 'еЕΕεєЄᴇᎬɛ'],
  ['f', 'ғꜰƒ'],
  ['g', 'ɡɢԍᏀ'],
  ['h', 'һНнΗʜᎻհ'],
  ['i', 'іІιΙıɪᎥӏ'],
  ['j', 'јЈᴊᎫ'],
  ['k', 'кКκΚᴋᏦ'],
  ['l', 'ʟᏞłɫⅼ'],
  ['m', 'мМΜᴍᎷ'],
  ['n', 'ΝɴոηƞŋпП'],
  ['o', 'оОοΟσᴏօøØ०০'],
  ['p', 'рРρΡᴘᏢ'],
  ['q', 'ԛϙզ'],
  ['r', 'ʀгᏒᴦ'],
  ['s', 'ѕЅꜱᏚՏ'],
  ['t', 'тТτΤᴛᎢŧ'],
  ['u', 'υᴜսμʋ'],
  ['v', 'νѵᴠᏙ'],
  ['w', 'ԝωᴡᏔѡ'],
  ['x', 'хХχΧ'],
  ['y', 'уУΥγʏү'],
  ['z', 'ΖᴢᏃ'],
  ['ss', 'ßẞ'],
  ['ae', 'æÆ'],
  ['oe', 'œŒ'],
  ["'", '‘’‚‛ʼ´`′'],
  ['"', '“”„‟«»″'],
  ['-', '‐‑‒–—―−'],
  ['/', '⁄∕'],
  ['|', '｜ǀ∣│'],
  [' ', '⠀'],
];

/** Enclosed letters without a decomposition and regional indicators, each a run of 26 from A to Z. */
const alphabets = [0x1f150, 0x1f170, 0x1f1e6];

const LATIN_A = 'a'.charCodeAt(0);

export const lookAlikes: ReadonlyMap<string, string> = new Map([
  ...groups.flatMap(([ascii, characters]) => [...characters].map((character) => [character, ascii] as const)),
  ...alphabets.flatMap((first) =>
    Array.from(
      { length: 26 },
      (_, letter) => [String.fromCodePoint(first + letter), String.fromCharCode(LATIN_A + letter)] as const,
    ),
  ),
]);
