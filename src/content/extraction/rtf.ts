import { Readable } from 'node:stream';
import { Tokenize } from 'rtf-stream-parser';
import type { ContentGap } from '../../contract/enums';
import { type ExtractionLimits, type ExtractionOutcome, RefusedDocument } from './outcome';
import { codePageOf, decoded, defaultCodePage } from './rtf-code-pages';
import { TextGatherer } from './text-gatherer';

/** Of the tokenizer, whose own names for these numbers exist at compile time only. */
const kinds = { groupStart: 0, groupEnd: 1, control: 2, text: 3 } as const;
interface Token {
  readonly type: number;
  readonly word?: string;
  readonly param?: number;
  readonly data?: Buffer;
}

/** What stands in braces; what is inside inherits. */
interface Group {
  /** Whether a reader sees its text. */
  readonly isSeen: boolean;
  readonly isFontTable: boolean;
  /** Its text is no part of the line that it stands in. */
  readonly isApart: boolean;
  /** `\*`: whoever does not know what follows leaves it out. */
  readonly isOptional: boolean;
  /** Characters that stand after each `\u` for those who know no Unicode. */
  readonly fallback: number;
  readonly codePage: number;
}

const pieceBytes = 64 * 1024;
const breaks: Readonly<Record<string, string>> = {
  par: '\n',
  line: '\n',
  sect: '\n',
  page: '\n',
  column: '\n',
  row: '\n',
  nestrow: '\n',
  cell: '\t',
  nestcell: '\t',
  tab: '\t',
  '~': ' ',
  _: '-',
  emdash: '—',
  endash: '–',
  emspace: ' ',
  enspace: ' ',
  qmspace: ' ',
  bullet: '•',
  lquote: '‘',
  rquote: '’',
  ldblquote: '“',
  rdblquote: '”',
  '\\': '\\',
  '{': '{',
  '}': '}',
};
/** Tables, properties and marks, which no reader shows. */
const unseen = new Set(
  (
    'fonttbl colortbl stylesheet info listtable listoverridetable revtbl rsidtbl filetbl pict objdata objclass objname ' +
    'sn sv bkmkstart bkmkend themedata colorschememapping datastore latentstyles xmlnstbl pnseclvl mmathPr generator ' +
    'cs ts pgptbl wgrffmtfilter panose falt blipuid atnid atnref atndate atnparent atrfstart atrfend'
  ).split(' '),
);
/** Optional ones that readers show all the same. */
const shown = new Set('shpinst shptxt annotation atnauthor fldinst ud shppict do dptxbxtext'.split(' '));
const apart = /^(?:header[lrf]?|footer[lrf]?|footnote|annotation|shptxt|fldinst|result)$/;
const gapsOf: Readonly<Record<string, ContentGap>> = {
  pict: 'images',
  object: 'attachments',
  objdata: 'attachments',
};

/** The text of a file in the Rich Text Format, with headers, footnotes, comments, text boxes and instructions of fields. */
export async function textOfRtf(bytes: Buffer, limits: ExtractionLimits): Promise<ExtractionOutcome> {
  const reader = new RtfReader(limits.max_characters);
  const tokenizer = Readable.from(pieces(bytes)).pipe(new Tokenize());
  for await (const token of tokenizer as AsyncIterable<Token>) reader.read(token);
  const { text, gaps } = reader.end();
  return { kind: 'text', media_type: 'application/rtf', text, pages: 1, gaps };
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

class RtfReader {
  readonly #text: TextGatherer;
  readonly #gaps = new Set<ContentGap>();
  readonly #groups: Group[] = [];
  readonly #fonts = new Map<number, number>();
  #group: Group = {
    isSeen: true,
    isFontTable: false,
    isApart: false,
    isOptional: false,
    fallback: 1,
    codePage: defaultCodePage,
  };
  #ansi = defaultCodePage;
  /** The font that the font table is about to describe. */
  #font = 0;
  /** Characters that are still to be left out. */
  #left = 0;
  /** Of one code page, where a character may take several. */
  #bytes: Buffer[] = [];

  constructor(maxCharacters: number) {
    this.#text = new TextGatherer(maxCharacters);
  }

  read(token: Token): void {
    if (token.type === kinds.text) return this.#say(token.data!);
    if (token.type === kinds.control && token.word === "'") return this.#say(token.data!);
    this.#flush();
    if (token.type === kinds.groupStart) this.#open();
    else if (token.type === kinds.groupEnd) this.#close();
    else this.#control(token.word!, token.param);
  }

  /** @throws RefusedDocument when it was cut off */
  end(): { text: string; gaps: ContentGap[] } {
    if (this.#groups.length > 0) throw new RefusedDocument('damaged');
    if (this.#text.overflowed) this.#gaps.add('text');
    return { text: this.#text.text, gaps: [...this.#gaps] };
  }

  #open(): void {
    this.#groups.push(this.#group);
    this.#group = { ...this.#group, isApart: false, isOptional: false };
    this.#left = 0;
  }

  #close(): void {
    const outer = this.#groups.pop();
    if (!outer) throw new RefusedDocument('damaged');
    if (this.#group.isApart) this.#text.add('\n');
    this.#group = outer;
    this.#left = 0;
  }

  #say(bytes: Buffer): void {
    const skipped = Math.min(this.#left, bytes.length);
    this.#left -= skipped;
    if (this.#group.isSeen && skipped < bytes.length) this.#bytes.push(bytes.subarray(skipped));
  }

  #flush(): void {
    if (this.#bytes.length === 0) return;
    this.#text.add(decoded(Buffer.concat(this.#bytes), this.#group.codePage));
    this.#bytes = [];
  }

  #control(word: string, param = 0): void {
    if (word === 'u') return this.#unicode(param);
    const text = breaks[word];
    if (text !== undefined) {
      if (this.#left > 0) this.#left -= 1;
      else if (this.#group.isSeen) this.#text.add(text);
    } else if (word === '*') this.#group = { ...this.#group, isOptional: true };
    else if (word === 'uc') this.#group = { ...this.#group, fallback: Math.max(0, param) };
    else if (word === 'ansicpg') this.#useAnsi(param);
    else if (word === 'f') this.#useFont(param);
    else if (word === 'fcharset') this.#describeFont(param);
    else if (word === 'plain') this.#group = { ...this.#group, codePage: this.#ansi };
    else this.#destination(word);
  }

  #unicode(param: number): void {
    if (this.#group.isSeen) this.#text.add(String.fromCharCode(param & 0xffff));
    this.#left = this.#group.fallback;
  }

  #useAnsi(codePage: number): void {
    this.#ansi = codePage;
    this.#group = { ...this.#group, codePage };
  }

  #useFont(font: number): void {
    this.#font = font;
    if (this.#group.isFontTable) return;
    this.#group = { ...this.#group, codePage: this.#fonts.get(font) ?? this.#ansi };
  }

  #describeFont(charset: number): void {
    if (this.#group.isFontTable) this.#fonts.set(this.#font, codePageOf(charset) ?? this.#ansi);
  }

  #destination(word: string): void {
    const gap = gapsOf[word];
    if (gap) this.#gaps.add(gap);
    const { isOptional, isSeen } = this.#group;
    if (apart.test(word)) {
      this.#text.add('\n');
      this.#group = { ...this.#group, isApart: true };
    }
    if (word === 'fonttbl') this.#group = { ...this.#group, isFontTable: true };
    const isUnknown = isOptional && !shown.has(word) && !unseen.has(word);
    // Who sent it may know what it means.
    if (isUnknown && isSeen) this.#gaps.add('attachments');
    const isHidden = isUnknown || unseen.has(word);
    this.#group = { ...this.#group, isOptional: false, isSeen: isSeen && !isHidden };
  }
}
