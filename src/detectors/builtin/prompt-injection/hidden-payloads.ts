/** A stretch of the original text (UTF-16 indices) and the text it hides. */
export interface HiddenPayload {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** True where hiding it at all is the offence: nobody writes so but to deceive the reader. */
  readonly isInvisible: boolean;
}

/** Longest encoded stretch that is decoded, in UTF-16 units. */
const LONGEST_PAYLOAD = 32_768;

/**
 * Payloads that a model may read and a person does not: base64, hex, percent, entity and escape sequences, rot13,
 * reversed text, and the invisible alphabets of Unicode (tags, variation selectors, zero-width bits).
 */
export function findHiddenPayloads(text: string): HiddenPayload[] {
  return [
    ...decodeAll(text, /[A-Za-z0-9+/_-]{20,}={0,2}/g, fromBase64),
    ...decodeAll(
      text,
      /(?:[0-9a-fA-F]{2}[ :]){11,}[0-9a-fA-F]{2}|[0-9a-fA-F]{24,}|(?:\\x[0-9a-fA-F]{2}){8,}/g,
      fromHex,
    ),
    ...decodeAll(text, /\S{12,}/g, fromPercentEncoding),
    ...decodeAll(text, /(?:&#x?[0-9a-fA-F]{1,6};\s?){6,}/g, fromEntities),
    ...decodeAll(text, /(?:\\u[0-9a-fA-F]{4}){6,}/g, fromEscapes),
    ...decodeAll(text, /(?<!\u{1f3f4}[\u{e0020}-\u{e007e}]{0,6})[\u{e0020}-\u{e007e}]{4,}/gu, fromTags, true),
    ...decodeAll(text, /[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]{6,}/gu, fromVariationSelectors, true),
    ...decodeAll(text, /[\u200b\u200c\u200d\u2060\u2062\u2063\u2064\ufeff]{16,}/g, fromZeroWidthBits, true),
    ...mirrored(text),
  ];
}

function decodeAll(
  text: string,
  pattern: RegExp,
  decode: (found: string) => string,
  isInvisible = false,
): HiddenPayload[] {
  return [...text.matchAll(pattern)].flatMap((match) => {
    if (match[0].length > LONGEST_PAYLOAD) return [];
    const decoded = decode(match[0]);
    if (!isInvisible && !isReadable(decoded)) return [];
    return [{ start: match.index, end: match.index + match[0].length, text: decoded, isInvisible }];
  });
}

/** At least a dozen characters, nearly all of them printable. */
function isReadable(decoded: string): boolean {
  if (decoded.length < 12) return false;
  const unreadable = decoded.match(/[^\p{L}\p{N}\p{P}\p{S}\p{Z}\s]|\ufffd/gu)?.length ?? 0;
  return unreadable <= decoded.length / 20;
}

const fromBase64 = (found: string): string => Buffer.from(found, 'base64').toString('utf8');
const fromHex = (found: string): string =>
  Buffer.from(found.replace(/\\x|[ :]/g, ''), 'hex').toString('utf8');

function fromPercentEncoding(found: string): string {
  if ((found.match(/%[0-9a-fA-F]{2}/g)?.length ?? 0) < 3) return '';
  const bytes = found
    .replaceAll('+', ' ')
    .replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

const fromEntities = (found: string): string =>
  found.replace(/&#(x?)([0-9a-fA-F]{1,6});/g, (_, x: string, digits: string) => {
    const codePoint = parseInt(digits, x === '' ? 10 : 16);
    return codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : '';
  });

const fromEscapes = (found: string): string =>
  found.replace(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));

const TAG_BASE = 0xe0000;

const fromTags = (found: string): string =>
  Array.from(found, (tag) => String.fromCharCode((tag.codePointAt(0) ?? TAG_BASE) - TAG_BASE)).join('');

/** Variation selectors 1 to 256 as the bytes 0 to 255. */
function fromVariationSelectors(found: string): string {
  const bytes = Array.from(found, (selector) => {
    const codePoint = selector.codePointAt(0) ?? 0;
    return codePoint <= 0xfe0f ? codePoint - 0xfe00 : codePoint - 0xe0100 + 16;
  });
  return Buffer.from(bytes).toString('utf8');
}

/** The zero-width space as 0 and any other as 1, eight to a byte. */
function fromZeroWidthBits(found: string): string {
  const bits = found.replace(/[^\u200b]/g, '1').replaceAll('\u200b', '0');
  const bytes = bits.match(/[01]{8}/g)?.map((byte) => parseInt(byte, 2)) ?? [];
  return Buffer.from(bytes).toString('utf8');
}

const ROT13_SIGNS = /\b(?:vtaber|qvfertneq|sbetrg|flfgrz cebzcg|vafgehpgvbaf?|wnvyoernx)\b/i;
const REVERSED_SIGNS = /\b(?:erongi|dragersid|tegrof|tpmorp metsys|snoitcurtsni|snoitcirtser|kaerbliaj)\b/i;

/** The whole text read as rot13 or backwards, if a telling word shows up that way. */
function mirrored(text: string): HiddenPayload[] {
  const whole = { start: 0, end: text.length, isInvisible: false };
  return [
    ...(ROT13_SIGNS.test(text) ? [{ ...whole, text: rotate13(text) }] : []),
    ...(REVERSED_SIGNS.test(text) ? [{ ...whole, text: [...text].reverse().join('') }] : []),
  ];
}

const rotate13 = (text: string): string =>
  text.replace(/[a-z]/gi, (letter) => {
    const first = letter <= 'Z' ? 65 : 97;
    return String.fromCharCode(((letter.charCodeAt(0) - first + 13) % 26) + first);
  });
