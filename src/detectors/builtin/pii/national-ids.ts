import { stdnum } from 'stdnum';
import { BUSINESS_NUMBER, digitsOf, words, type Recognizer } from './recognizer';

type Check = (value: string) => boolean;

/** A validator of the stdnum library; the same digit over and over is nobody's number, even if it adds up. */
function checkedBy(country: string, name: string): Check {
  const validator = stdnum[country]?.[name];
  if (validator === undefined) throw new Error(`stdnum has no validator ${country}.${name}`);
  return (value) => !/^(\d)\1+$/.test(digitsOf(value)) && validator.validate(value).isValid;
}

const ssnWords = words(
  'ssn',
  'ss ?#',
  'soc(?:ial)?\\.? sec(?:urity)?(?: (?:number|no|num|#))?',
  'tin',
  'taxpayer id',
);
const isDni = checkedBy('ES', 'dni');
const usSsn = checkedBy('US', 'ssn');

/** UK health service number: weights 10..2, modulus 11. */
const nhsNumber: Check = (value) => {
  const digits = digitsOf(value);
  const sum = [...digits.slice(0, 9)].reduce(
    (total, digit, index) => total + Number(digit) * (10 - index),
    0,
  );
  return !/^(\d)\1+$/.test(digits) && (11 - (sum % 11)) % 11 === Number(digits[9]);
};

/** National identity, tax and insurance numbers, each with its own check digits or range rules. */
export const nationalIdRecognizers: readonly Recognizer[] = [
  {
    label: 'ssn',
    pattern: /(?<![\w-]|\d\.)\d{3}-\d{2}-\d{4}(?![\w-]|\.\d)/g,
    accepts: usSsn,
    context: ssnWords,
    notAfter: BUSINESS_NUMBER,
    alone: 0.75,
    inContext: 0.97,
  },
  {
    label: 'ssn',
    pattern: /(?<![\w-]|\d\.)\d{3}([ .]?)\d{2}\1\d{4}(?![\w-]|\.\d)/g,
    accepts: usSsn,
    context: ssnWords,
    inContext: 0.88,
  },
  {
    label: 'uk_national_insurance_number',
    pattern: /(?<![\w-])[A-Za-z]{2}[ -]?\d{2}[ -]?\d{2}[ -]?\d{2}[ -]?[A-Da-d](?![\w-])/g,
    accepts: checkedBy('GB', 'nino'),
    context: words('national insurance', 'nino', 'ni (?:number|no|#)', 'ni'),
    notAfter: BUSINESS_NUMBER,
    alone: 0.65,
    inContext: 0.96,
  },
  {
    label: 'uk_nhs',
    pattern: /(?<![\w-])\d{3}([ -]?)\d{3}\1\d{4}(?![\w-])/g,
    accepts: nhsNumber,
    context: words('nhs', 'national health service'),
    inContext: 0.95,
  },
  {
    label: 'es_dni',
    pattern: /(?<![\w-])\d{2}\.?\d{3}\.?\d{3}[- ]?[A-Za-z](?![\w-])/g,
    accepts: (value) => isDni(value.replaceAll('.', '').toUpperCase()),
    context: words('dni', 'd\\.n\\.i\\.?', 'nif', 'documento nacional', 'identidad'),
    notAfter: BUSINESS_NUMBER,
    alone: 0.7,
    inContext: 0.96,
  },
  {
    label: 'es_nie',
    pattern: /(?<![\w-])[XYZxyz]-?\d{7}-?[A-Za-z](?![\w-])/g,
    accepts: checkedBy('ES', 'nie'),
    context: words('nie', 'n\\.i\\.e\\.?', 'extranjer[oa]s?', 'residencia'),
    notAfter: BUSINESS_NUMBER,
    alone: 0.75,
    inContext: 0.96,
  },
  {
    label: 'it_fiscal_code',
    pattern: /(?<!\w)[A-Za-z]{6}\d{2}[A-Za-z]\d{2}[A-Za-z]\d{3}[A-Za-z](?!\w)/g,
    accepts: checkedBy('IT', 'codicefiscale'),
    context: words('codice fiscale', 'c\\.f\\.', 'fiscal code', 'cf'),
    alone: 0.9,
    inContext: 0.98,
  },
  {
    label: 'br_cpf',
    pattern: /(?<![\w-])\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w-])/g,
    accepts: checkedBy('BR', 'cpf'),
    context: words('cpf'),
    alone: 0.9,
    inContext: 0.98,
  },
  {
    label: 'br_cpf',
    pattern: /(?<![\w-])\d{11}(?![\w-])/g,
    accepts: checkedBy('BR', 'cpf'),
    context: words('cpf'),
    inContext: 0.9,
  },
  {
    label: 'in_aadhaar',
    pattern: /(?<![\w-]|\d )[2-9]\d{3}([ -])\d{4}\1\d{4}(?![\w-]| \d)/g,
    accepts: checkedBy('IN', 'aadhaar'),
    context: words('aadhaa?r', 'uidai', 'uid', 'आधार'),
    notAfter: BUSINESS_NUMBER,
    alone: 0.65,
    inContext: 0.97,
  },
  {
    label: 'in_aadhaar',
    pattern: /(?<![\w-])[2-9]\d{11}(?![\w-])/g,
    accepts: checkedBy('IN', 'aadhaar'),
    context: words('aadhaa?r', 'uidai', 'uid', 'आधार'),
    inContext: 0.9,
  },
  {
    label: 'in_pan',
    pattern: /(?<![\w-])[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z](?![\w-])/g,
    accepts: checkedBy('IN', 'pan'),
    context: words('pan', 'permanent account', 'income tax'),
    inContext: 0.92,
  },
  {
    label: 'fr_nir',
    pattern: /(?<![\w-])[12] ?\d{2} ?\d{2} ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}(?![\w-])/g,
    accepts: checkedBy('FR', 'nir'),
    context: words('nir', 's[ée]curit[ée] sociale', 's[ée]cu', 'num[ée]ro de s[ée]cu', 'insee', 'nss'),
    notAfter: BUSINESS_NUMBER,
    alone: 0.75,
    inContext: 0.97,
  },
  {
    label: 'de_tax_id',
    pattern: /(?<![\w-])\d{2} ?\d{3} ?\d{3} ?\d{3}(?![\w-])/g,
    accepts: checkedBy('DE', 'idnr'),
    context: words(
      'steuer-?id(?:entifikationsnummer|nr)?',
      'steuerliche identifikationsnummer',
      'idnr',
      'tin',
      'tax id',
    ),
    inContext: 0.93,
  },
  {
    label: 'canada_social_insurance_number',
    pattern: /(?<![\w-])\d{3}([ -]?)\d{3}\1\d{3}(?![\w-])/g,
    accepts: checkedBy('CA', 'sin'),
    context: words('social insurance', 'sin (?:number|no|#)', 'sin', 'assurance sociale', 'nas'),
    inContext: 0.93,
  },
  {
    label: 'au_tfn',
    pattern: /(?<![\w-])\d{3} ?\d{3} ?\d{2,3}(?![\w-])/g,
    accepts: checkedBy('AU', 'tfn'),
    context: words('tfn', 'tax file'),
    inContext: 0.93,
  },
  {
    label: 'nl_bsn',
    pattern: /(?<![\w-])\d{3}\.?\d{3}\.?\d{3}(?![\w-])/g,
    accepts: checkedBy('NL', 'bsn'),
    context: words('bsn', 'burgerservicenummer', 'sofinummer'),
    inContext: 0.93,
  },
  {
    label: 'pl_pesel',
    pattern: /(?<![\w-])\d{11}(?![\w-])/g,
    accepts: checkedBy('PL', 'pesel'),
    context: words('pesel'),
    inContext: 0.95,
  },
  {
    label: 'ch_ahv',
    pattern: /(?<![\w.-])756\.\d{4}\.\d{4}\.\d{2}(?![\w-]|\.\d)/g,
    accepts: checkedBy('CH', 'ssn'),
    context: words('ahv(?:-?(?:nr|nummer))?', 'avs'),
    alone: 0.9,
    inContext: 0.98,
  },
  {
    label: 'se_personnummer',
    pattern: /(?<![\w-])(?:19|20)?\d{6}[-+]\d{4}(?![\w-])/g,
    accepts: checkedBy('SE', 'personnummer'),
    context: words('personnummer', 'personnr', 'pnr', 'swedish id'),
    notAfter: BUSINESS_NUMBER,
    alone: 0.65,
    inContext: 0.95,
  },
  {
    label: 'fi_hetu',
    pattern: /(?<![\w-])\d{6}[-+A]\d{3}[0-9A-FHJ-NPR-Y](?![\w-])/g,
    accepts: checkedBy('FI', 'hetu'),
    context: words('hetu', 'henkil[öo]tunnus'),
    notAfter: BUSINESS_NUMBER,
    alone: 0.7,
    inContext: 0.95,
  },
  {
    label: 'cn_resident_id',
    pattern: /(?<![\w-])[1-9]\d{16}[\dXx](?![\w-])/g,
    accepts: checkedBy('CN', 'ric'),
    context: /身份证|公民身份号码|resident id/giu,
    notAfter: BUSINESS_NUMBER,
    alone: 0.8,
    inContext: 0.97,
  },
  {
    label: 'kr_rrn',
    pattern: /(?<![\w-])\d{6}-[1-4]\d{6}(?![\w-])/g,
    accepts: checkedBy('KR', 'rrn'),
    context: /주민등록번호|resident registration|rrn/giu,
    notAfter: BUSINESS_NUMBER,
    alone: 0.75,
    inContext: 0.96,
  },
  {
    label: 'mx_curp',
    pattern: /(?<!\w)[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d(?!\w)/g,
    accepts: checkedBy('MX', 'curp'),
    context: words('curp'),
    alone: 0.9,
    inContext: 0.98,
  },
];
