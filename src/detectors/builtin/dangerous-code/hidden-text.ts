/** Text that was hidden in an encoded run of another text. Indices are UTF-16 units of the outer text. */
export interface HiddenText {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** How many bytes are decoded from one text at most: what lies beyond is not looked into. */
const DECODED_BUDGET = 64 * 1024;
const MIN_PRINTABLE_SHARE = 0.9;

const encodedRun =
  /(?:\\x[0-9a-fA-F]{2}){8,}|(?:[\w.+*()=-]{0,40}%[0-9a-fA-F]{2}){3,}[\w.+*()=-]{0,40}|[A-Za-z0-9+/_-]{20,}={0,2}/g;

/** Finds runs of base64, hex, `\x41` and `%41` escapes and decodes those that hold readable text. */
export function findHiddenTexts(text: string): HiddenText[] {
  const found: HiddenText[] = [];
  let budget = DECODED_BUDGET;
  for (const match of text.matchAll(encodedRun)) {
    if (budget <= 0) break;
    const run = match[0].slice(0, budget * 2);
    budget -= Math.ceil(run.length / 2);
    const hidden = decodeRun(run);
    if (hidden !== undefined)
      found.push({ start: match.index, end: match.index + match[0].length, text: hidden });
  }
  return found;
}

function decodeRun(run: string): string | undefined {
  if (run.startsWith('\\x')) return readable(Buffer.from(run.replaceAll('\\x', ''), 'hex'));
  if (run.includes('%')) return readable(Buffer.from(unescapePercent(run)));
  const asHex = /^[0-9a-fA-F]+$/.test(run) ? readable(Buffer.from(run, 'hex')) : undefined;
  return asHex ?? readable(Buffer.from(run, 'base64'));
}

/** Unlike `decodeURIComponent` it takes bytes that are not UTF-8 and a `+` for a blank. */
const unescapePercent = (run: string): string =>
  run
    .replaceAll('+', ' ')
    .replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));

/** PowerShell encodes UTF-16LE, everyone else UTF-8; both show as mostly printable text when guessed right. */
function readable(bytes: Buffer): string | undefined {
  const encoding = bytes.length > 1 && bytes[1] === 0 ? 'utf16le' : 'utf8';
  const text = bytes.toString(encoding);
  const printable = text.match(/[\t\n\r\x20-\x7e]/g)?.length ?? 0;
  return text.length > 0 && printable / text.length >= MIN_PRINTABLE_SHARE ? text : undefined;
}
