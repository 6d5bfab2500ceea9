import { lookAlikes } from './look-alikes';

/** Text derived from an original, which knows for each of its UTF-16 units where in the original it came from. */
export class MappedText {
  constructor(
    readonly text: string,
    private readonly starts: readonly number[],
    private readonly ends: readonly number[],
  ) {}

  /** The UTF-16 span of the original that stands behind `text.slice(start, end)`, which must not be empty. */
  originalSpan(start: number, end: number): { start: number; end: number } {
    return { start: this.starts[start] ?? 0, end: this.ends[end - 1] ?? 0 };
  }

  /** The same units with other characters; `text` must be as long as the present one. */
  withText(text: string): MappedText {
    return new MappedText(text, this.starts, this.ends);
  }

  /** Only the units whose index passes. */
  filter(keeps: (index: number) => boolean): MappedText {
    const builder = new MappedTextBuilder();
    for (let index = 0; index < this.text.length; index += 1) {
      if (keeps(index))
        builder.append(this.text.charAt(index), this.starts[index] ?? 0, this.ends[index] ?? 0);
    }
    return builder.build();
  }
}

class MappedTextBuilder {
  private readonly pieces: string[] = [];
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];

  append(piece: string, start: number, end: number): void {
    this.pieces.push(piece);
    for (let unit = 0; unit < piece.length; unit += 1) {
      this.starts.push(start);
      this.ends.push(end);
    }
  }

  /** Lets the last unit reach to `end`: a combining mark belongs to the letter before it. */
  extendTo(end: number): void {
    if (this.ends.length > 0) this.ends[this.ends.length - 1] = end;
  }

  build(): MappedText {
    return new MappedText(this.pieces.join(''), this.starts, this.ends);
  }
}

export interface NormalizedText {
  /** Lower case, compatibility forms and look-alikes resolved, accents and invisible characters gone, white space single. */
  readonly folded: MappedText;
  /** The same with spaced-out letters (`f u c k`) joined and leetspeak (`sh1t`) resolved. */
  readonly deobfuscated: MappedText;
}

/** Both readings of the text that phrase rules are matched against. Linear in its length. */
export function normalizeText(text: string): NormalizedText {
  const characters = foldCharacters(text);
  return {
    folded: collapseWhiteSpace(characters),
    deobfuscated: collapseWhiteSpace(resolveLeetspeak(joinSpacedLetters(characters))),
  };
}

function foldCharacters(text: string): MappedText {
  const builder = new MappedTextBuilder();
  let start = 0;
  for (const character of text) {
    const end = start + character.length;
    const folded = foldCharacter(character);
    if (folded !== '') builder.append(folded, start, end);
    else if (/\p{M}/u.test(character)) builder.extendTo(end);
    start = end;
  }
  return builder.build();
}

function foldCharacter(character: string): string {
  if (character < '\u0080') return isInvisible(character) ? '' : character.toLowerCase();
  const lookAlike = lookAlikes.get(character);
  if (lookAlike !== undefined) return lookAlike;
  const plain = character
    .normalize('NFKD')
    .replace(/[\p{M}\p{Cf}\p{Cc}\u115f\u1160\u3164\uffa0]/gu, '')
    .toLowerCase();
  // Lower-casing and decomposing can lead to a look-alike: fullwidth or accented Cyrillic, for instance.
  return lookAlikes.get(plain) ?? plain.replace(/\p{M}/gu, '');
}

/** ASCII control characters other than white space. */
const isInvisible = (character: string): boolean => /[\0-\u0008\u000e-\u001f\u007f]/.test(character);

/** Each run of white space becomes one character: a line feed where the run breaks the line, else a space. */
function collapseWhiteSpace(mapped: MappedText): MappedText {
  const { text } = mapped;
  const breaksLine = new Set<number>();
  for (const run of text.matchAll(/\s+/g)) if (/[\n\r]/.test(run[0])) breaksLine.add(run.index);
  const unified = Array.from({ length: text.length }, (_, index) =>
    isWhiteSpace(text.charAt(index)) ? (breaksLine.has(index) ? '\n' : ' ') : text.charAt(index),
  ).join('');
  return mapped
    .withText(unified)
    .filter(
      (index) => index === 0 || !isWhiteSpace(text.charAt(index)) || !isWhiteSpace(text.charAt(index - 1)),
    );
}

const isWhiteSpace = (character: string): boolean => /^\s$/.test(character);

const FEWEST_SPACED_LETTERS = 3;

/** `k i l l`, `k.i.l.l`, `k-i-l-l`: drops the separators where at least three single letters stand in a row. */
function joinSpacedLetters(mapped: MappedText): MappedText {
  const { text } = mapped;
  const separators = new Set<number>();
  let position = 0;
  while (position < text.length) {
    const end = endOfSpacedLetters(text, position);
    if ((end - position) / 2 + 1 > FEWEST_SPACED_LETTERS) {
      for (let index = position + 1; index < end; index += 2) separators.add(index);
    }
    position = Math.max(end, position + 1);
  }
  return separators.size === 0 ? mapped : mapped.filter((index) => !separators.has(index));
}

/** End of the run `x-y-z` that starts at `start`; `start` itself if none does. */
function endOfSpacedLetters(text: string, start: number): number {
  const separator = text.charAt(start + 1);
  if (!isLetterLike(text.charAt(start)) || isLetterLike(text.charAt(start - 1)) || !isSeparator(separator))
    return start;
  let end = start + 1;
  while (
    text.charAt(end) === separator &&
    isLetterLike(text.charAt(end + 1)) &&
    !isLetterLike(text.charAt(end + 2))
  ) {
    end += 2;
  }
  return end;
}

const isLetterLike = (character: string): boolean => /^[\p{L}0-9@$!]$/u.test(character);
const isSeparator = (character: string): boolean => /^[ \n\t._*/|~,+=·•-]$/.test(character);

const leetLetters: ReadonlyMap<string, string> = new Map([
  ['0', 'o'],
  ['1', 'i'],
  ['3', 'e'],
  ['4', 'a'],
  ['5', 's'],
  ['7', 't'],
  ['8', 'b'],
  ['@', 'a'],
  ['$', 's'],
  ['!', 'i'],
]);

/** Words longer than this are identifiers, hashes or encoded data, never leetspeak. */
const LONGEST_LEET_WORD = 24;

function resolveLeetspeak(mapped: MappedText): MappedText {
  const text = mapped.text.replace(/[a-z0-9@$!]+/g, (word) =>
    isLeetspeak(word) ? readLeetspeak(word) : word,
  );
  return mapped.withText(text);
}

/** Letters must carry the word: `sh1t` and `n1gg3r` are read, `45s`, `b2b`, `deadbeef42` and `5th` keep their digits. */
function isLeetspeak(word: string): boolean {
  const letters = word.replace(/[^a-z]/g, '').length;
  const digits = word.replace(/\D/g, '').length;
  if (letters < 2 && !word.includes('$')) return false;
  if (letters === 0 || word.length > LONGEST_LEET_WORD || digits > letters + 1) return false;
  return digits === 0 || !/^(?:\d+(?:st|nd|rd|th|s|x|k|m|px|kg|mm|cm|am|pm)|[0-9a-f]{6,})$/.test(word);
}

/** A closing `!` is punctuation: `shit!` stays as it is, `b!tch` does not. */
function readLeetspeak(word: string): string {
  const closing = /!*$/.exec(word)?.[0].length ?? 0;
  const body = word.slice(0, word.length - closing);
  return body.replace(/[^a-z]/g, (sign) => leetLetters.get(sign) ?? sign) + word.slice(body.length);
}
