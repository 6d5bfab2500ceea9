import { digitsOf, words, type Recognizer } from './recognizer';

const MONTHS =
  'jan(?:uary|uar|vier)?|feb(?:ruary|ruar|rero|braio)?|f[ée]vrier|m[äa]r(?:ch|z|zo|s)?|apr(?:il|ile)?|abr(?:il)?|avril|may|mai|mayo|maggio|jun(?:e|i|io)?|juin|giugno|jul(?:y|i|io)?|juillet|luglio|aug(?:ust)?|ago(?:sto)?|ao[ûu]t|sep(?:t|tember|tiembre)?|septembre|settembre|o[ck]t(?:ober|ubre|obre)?|ottobre|nov(?:ember|iembre|embre)?|d[ei][cz](?:ember|iembre|embre)?|d[ée]cembre|enero|janeiro|fevereiro|mar[çc]o|junho|julho|setembro|outubro|dezembro|gennaio';

const birthWords = words(
  '生年月日[：:]?',
  'd\\.?o\\.?b\\.?',
  'date of birth',
  'birth ?date',
  'birthday',
  'born(?: on)?',
  'date_of_birth',
  'dateofbirth',
  'birth_date',
  'geboren(?: am)?',
  'geburtsdatum',
  'geb\\.',
  'fecha de nacimiento',
  'naci[óo]? el',
  'n[ée]e? le',
  'date de naissance',
  'data di nascita',
  'nat[oa] il',
  'data de nascimento',
  'nascid[oa] em',
  'f\\.? ?nac\\.?',
);

/** Three numbers that can be a birthday in day-month-year, month-day-year or year-month-day order. */
function isCalendarDate(value: string): boolean {
  const parts = value.split(/[-/. 年月]+/).map(Number);
  const [first = 0, second = 0, third = 0] = parts;
  const [year, one, other] = first > 31 ? [first, second, third] : [third, first, second];
  const plausibleYear = (year >= 1900 && year <= 2099) || year < 100;
  return plausibleYear && one >= 1 && other >= 1 && Math.min(one, other) <= 12 && Math.max(one, other) <= 31;
}

const passportWords = words(
  'passport(?: ?(?:number|no\\.?|num|#|id))?',
  'pasaporte',
  'passeport',
  'reisepass(?:nummer)?',
  'passaporto',
  'passaporte',
  'paspoort(?:nummer)?',
  'travel document',
  'passport_number',
  'паспорт\\p{L}*',
);
const licenseWords = words(
  "driv(?:er'?s?|er’s|ing) ?licen[cs]e(?: ?(?:number|no\\.?|#))?",
  'dl ?(?:number|no\\.?|#)?',
  'drivers?_licen[cs]e',
  'license (?:number|no)',
  'dvla',
  'f[üu]hrerschein(?:nummer)?',
  'permis de conduire',
  'licencia de conducir',
  'carnet de conducir',
  'patente di guida',
  'carteira de motorista',
  'cnh',
);

const hasDigits =
  (least: number) =>
  (value: string): boolean =>
    digitsOf(value).length >= least;

const MRZ_WEIGHTS = [7, 3, 1];

/** Check digit of machine-readable travel documents (ICAO 9303). */
function mrzHolds(field: string, check: string): boolean {
  const sum = [...field].reduce((total, character, index) => {
    const value = character === '<' ? 0 : parseInt(character, 36);
    return total + value * (MRZ_WEIGHTS[index % 3] ?? 0);
  }, 0);
  return sum % 10 === Number(check === '<' ? '0' : check);
}

const isPassportZone = (line: string): boolean =>
  mrzHolds(line.slice(0, 9), line.charAt(9)) &&
  mrzHolds(line.slice(13, 19), line.charAt(19)) &&
  mrzHolds(line.slice(21, 27), line.charAt(27));

export const documentRecognizers: readonly Recognizer[] = [
  {
    label: 'date_of_birth',
    pattern:
      /(?<![\w./-])(?:\d{4}年\d{1,2}月\d{1,2}(?=日)|\d{1,2}([-/. ])\d{1,2}\1(?:\d{4}|\d{2})|\d{4}([-/.])\d{1,2}\2\d{1,2})(?![\w/-]|\.\d)/g,
    accepts: isCalendarDate,
    context: birthWords,
    inContext: 0.92,
  },
  {
    label: 'date_of_birth',
    pattern: new RegExp(
      `(?<![\\p{L}\\p{N}])(?:\\d{1,2}(?:st|nd|rd|th|\\.|º|er)?(?: of| de)? ?(?:${MONTHS})\\.?,?(?: de| del)? ?(?:19|20)\\d{2}|(?:${MONTHS})\\.? \\d{1,2}(?:st|nd|rd|th)?,? (?:19|20)\\d{2})(?![\\p{L}\\p{N}])`,
      'giu',
    ),
    context: birthWords,
    inContext: 0.92,
  },
  {
    label: 'passport',
    pattern:
      /(?<![\w-])(?:[A-Z]{1,3}-?\d{6,8}|\d{8,9}|\d{2} ?\d{2} \d{6}|\d{2}[A-Z]{2}\d{5}|[A-Z]\d{2}[A-Z]\d{2}[A-Z]\d{2}|[CFGHJKLMNPRTVWXYZ][0-9CFGHJKLMNPRTVWXYZ]{8})(?![\w-])/g,
    accepts: hasDigits(4),
    context: passportWords,
    inContext: 0.9,
  },
  {
    label: 'passport',
    pattern: /(?<![A-Z0-9<])[A-Z0-9<]{9}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{14}[0-9<]\d(?![A-Z0-9<])/g,
    accepts: isPassportZone,
    alone: 0.97,
  },
  {
    label: 'driver_license',
    pattern:
      /(?<![\w-])(?:[A-Z]{1,3}-?\d{5,13}|[A-Z]\d{3}[ -]\d{4}[ -]\d{4}|[A-Z]\d{3}-\d{3}-\d{2}-\d{3}-\d|\d{7,9}|\d{2} ?\d{3} ?\d{3}|\d{3} \d{3} \d{3}|[A-Z]\d{2}[A-Z]{2,3}\d{4,6}|[A-Z0-9]{11})(?![\w-])/g,
    accepts: hasDigits(5),
    context: licenseWords,
    inContext: 0.85,
  },
  {
    label: 'driver_license',
    pattern: /(?<!\w)[A-Z9]{5}[ -]?\d[0156]\d(?:[0-2]\d|3[01])\d[ -]?[A-Z9]{2}\d[A-Z]{2}(?!\w)/g,
    context: licenseWords,
    alone: 0.7,
    inContext: 0.95,
  },
  {
    label: 'medical_record',
    pattern: /(?<![\w-])(?:[A-Z]{1,4}-?)?\d{5,10}(?![\w-]|\.\d)/g,
    context: words(
      'mrn',
      'medical record(?: (?:number|no\\.?|#))?',
      'patient (?:id|number|no\\.?)',
      'health record(?: number)?',
    ),
    inContext: 0.87,
  },
];
