import { codePointLength } from '../contract/text';

const maxLength = 10_000;
const maxWidthDigits = 3;
const maxPrecisionDigits = 2;
const placeholder = /%(?:(%)|([-+0]{0,4})(\d*)(?:\.(\d+))?([bcdefgosuxXv]))|%/g;
const stringOrSeparator = /"(?:[^"\\]|\\.)*"|[,:]/g;
type Maybe = string | undefined;
const radixes: Readonly<Record<string, number>> = { b: 2, o: 8, x: 16, X: 16 };

/**
 * `sprintf` of Rego for the verbs that policies use, each value once and in order; bounded, because it runs outside of
 * what the policy may use of time and memory. Where OPA prints its complaint into the text, this throws.
 */
export function formatted(format: unknown, values: unknown): string {
  if (typeof format !== 'string' || !Array.isArray(values))
    throw new Error('sprintf: takes a format and a list');
  if (format.length > maxLength || JSON.stringify(values).length > maxLength) throw tooMuch();
  let next = 0;
  let length = format.length;
  return format.replaceAll(
    placeholder,
    (whole: string, percent: Maybe, flags: string, width: string, precision: Maybe, verb: Maybe) => {
      if (percent) return percent;
      if (verb === undefined) throw new Error('sprintf: has no such placeholder');
      if (width.length > maxWidthDigits || (precision ?? '').length > maxPrecisionDigits) throw tooMuch();
      if (next >= values.length) throw new Error('sprintf: has more placeholders than values');
      const digits = precision === undefined ? undefined : Number(precision);
      const piece = placed(values[next++], verb, flags, Number(width), digits);
      length += piece.length - whole.length;
      if (length > maxLength) throw tooMuch();
      return piece;
    },
  );
}

function tooMuch(): Error {
  return new Error('sprintf: formats too much');
}

function placed(value: unknown, verb: string, flags: string, width: number, precision?: number): string {
  const isNumber = typeof value === 'number' && verb !== 'c';
  const plain = verb === 's' || verb === 'v' ? shown(value, verb, precision) : number(value, verb, precision);
  const text = isNumber && flags.includes('+') && !plain.startsWith('-') ? `+${plain}` : plain;
  const missing = Math.max(0, width - codePointLength(text));
  if (flags.includes('-')) return text + ' '.repeat(missing);
  if (!flags.includes('0')) return ' '.repeat(missing) + text;
  const sign = isNumber && /^[+-]/.test(text) ? text.charAt(0) : '';
  return sign + '0'.repeat(missing) + text.slice(sign.length);
}

function shown(value: unknown, verb: string, precision?: number): string {
  if (typeof value === 'number' && (verb === 'v' || precision === undefined))
    return isShortInteger(value) && precision === undefined ? String(value) : general(value, precision);
  const text = typeof value === 'string' ? value : asTerm(value);
  return precision === undefined ? text : [...text].slice(0, precision).join('');
}

function isShortInteger(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) < 1e21;
}

/** JSON with spaces, as OPA prints it. */
function asTerm(value: unknown): string {
  return JSON.stringify(value).replaceAll(stringOrSeparator, (part) =>
    part.length === 1 ? `${part} ` : part,
  );
}

function number(value: unknown, verb: string, precision?: number): string {
  if (typeof value !== 'number') throw new Error(`sprintf: %${verb} takes a number`);
  if (verb === 'e') return twoDigitExponent(value.toExponential(precision ?? 6));
  if (verb === 'f') return value.toFixed(precision ?? 6);
  if (verb === 'g') return general(value, precision);
  if (verb === 'c') return character(value);
  const whole = BigInt(verb === 'u' ? value >>> 0 : Math.trunc(value));
  const text = (whole < 0n ? -whole : whole).toString(radixes[verb] ?? 10).padStart(precision ?? 1, '0');
  return (whole < 0n ? '-' : '') + (verb === 'X' ? text.toUpperCase() : text);
}

/** Short, and with an exponent where that is far from 0. */
function general(value: number, precision?: number): string {
  const digits = Math.max(precision ?? 6, 1);
  const rounded = precision === undefined ? value : Number(value.toPrecision(digits));
  const shortest = rounded.toExponential();
  const exponent = Number(shortest.slice(shortest.indexOf('e') + 1));
  return exponent < -4 || exponent >= digits ? twoDigitExponent(shortest) : String(rounded);
}

function twoDigitExponent(text: string): string {
  return text.replace(/(?<=e[+-])(?=\d$)/, '0');
}

function character(code: number): string {
  const isOne = Number.isInteger(code) && code >= 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return isOne ? String.fromCodePoint(code) : '\ufffd';
}
