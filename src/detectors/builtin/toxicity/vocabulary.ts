import type { EnglishProfaneWord } from 'obscenity';

/** Words of the library's dataset that are vulgar in nearly every sentence. */
export const libraryWords: readonly EnglishProfaneWord[] = [
  ...([
    'bitch',
    'blowjob',
    'buttplug',
    'cunt',
    'deepthroat',
    'dildo',
    'doggystyle',
    'felch',
    'finger bang',
  ] as const),
  ...([
    'gangbang',
    'handjob',
    'jerk off',
    'jizz',
    'lubejob',
    'shit',
    'slut',
    'turd',
    'twat',
    'whore',
  ] as const),
];

/** Slurs among them; `negro`, `abo`, `dyke` and `chink` are too often Spanish, blood groups, walls and gaps. */
export const librarySlurs: readonly EnglishProfaneWord[] = [
  ...(['abeed', 'africoon', 'arabush', 'boonga', 'chingchong', 'kike', 'nigger', 'tranny'] as const),
];

/**
 * Our own patterns (in the library's syntax: `|` is a word boundary, `[x]` optional) for words whose patterns there
 * also meet cumin, Fukushima, assorted sweets, cockpits and foreign keys. Doubled letters other than b, e, g, l, o, s
 * are written once, since the matcher collapses them.
 */
export const strongPatterns: readonly string[] = [
  ...[
    'fuck',
    'fck',
    'f*ck',
    'f-ck',
    'f#ck',
    'fvck',
    'phuck',
    '|fuk|',
    '|fukin',
    '|fuq|',
    '|fking|',
    '|stfu|',
    '|wtf|',
  ],
  ...[
    '|sh*t|',
    '|sh!t',
    'b*tch',
    '|c*nt',
    '|biatch',
    '|dipshit',
    '|mofo|',
    '|motherfuk',
    '|muthafuk',
    '|bastard[s]|',
  ],
  ...['asshole', '|asshat', '|asswipe', '|assclown', 'dumbass|', '|jackass', '|fatass|'],
  ...[
    '|cock|',
    '|cocks|',
    'cocksuck',
    '|cumshot',
    '|cumslut',
    '|dickhead',
    '|dickwad',
    '|dickface',
    '|dicks|',
    '|d*ck|',
  ],
  ...['|pusy|', '|pussy|', '|pussies|', '|wanker', '|wanking|'],
  ...[
    '|arschloch',
    '|hurensohn',
    '|fotze',
    '|wichser',
    '|scheisse|',
    '|fick dich',
    '|fickt euch',
    '|verpiss dich',
  ],
  ...['|puta|', '|putas|', '|mierda|', '|gilipollas|', '|pendejo', '|cabron', '|joder|', '|hijo de puta|'],
  ...['|putain|', '|merde|', '|conard', '|conasse', '|salope', '|encule', '|batard|', '|ta gueule|'],
];

export const mildPatterns: readonly string[] = [
  ...[
    '|ass|',
    '|badass|',
    '|smartass|',
    '|arse|',
    '|arsehole',
    '|bollocks|',
    '|boobs|',
    '|tits|',
    '|tities|',
  ],
  ...['|piss|', '|pissed|', '|pissing|', '|wank|'],
];

export const slurPatterns: readonly string[] = [
  ...[
    '|fag[g]ot',
    '|fag|',
    '|fags|',
    '|f*ggot',
    '|n*gger',
    '|n*gga',
    '|nig[g]a|',
    '|spic|',
    '|spics|',
    '|wetback',
  ],
  ...[
    '|raghead',
    '|towelhead',
    '|gook|',
    '|gooks|',
    '|paki|',
    '|pakis|',
    '|kanake',
    '|sandnig',
    '|shemale',
    '|chinks|',
  ],
  ...[
    '|retard|',
    '|retards|',
    '|retarded|',
    'libtard',
    '|maricon|',
    '|schwuchtel',
    '|zipperhead',
    '|porch monkey',
  ],
];

/** What the patterns above must not be found in. */
export const innocentTerms: readonly string[] = [
  ...[
    'wild ass',
    'ox and ass',
    'ass and ox',
    'jackass penguin',
    'pussycat',
    'pussy cat',
    'pussy willow',
    'pussy riot',
  ],
  ...[
    'great tits',
    'blue tits',
    'coal tits',
    'marsh tits',
    'willow tits',
    'long-tailed tits',
    'tits and finches',
  ],
  ...[
    'cock and bull',
    'cock-and-bull',
    'cock-a-',
    'cock a doodle',
    'cock a hoop',
    'cock pheasant',
    'cock robin',
  ],
  ...[
    'weather cock',
    'stop cock',
    'ball cock',
    'cocks crow',
    'cock crow',
    'cock crowed',
    'fighting cocks',
    'turdus',
  ],
  ...[
    'bastard file',
    'bastard sword',
    'bastard title',
    'fag end',
    'fag-end',
    'fire retard',
    'flame retard',
    'to retard',
  ],
  ...[
    'retard the',
    'retard spark',
    'spic and span',
    'spic-and-span',
    'shih tzu',
    'shitake',
    'shiitake',
    'bitchu',
    'dildo, newfoundland',
  ],
  ...['babes and tits', 'twattle', 'jerk officer', 'jerk offer', 'whoreson'],
];
