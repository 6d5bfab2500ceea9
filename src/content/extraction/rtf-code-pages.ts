export const defaultCodePage = 1252;

const codePages: Readonly<Record<number, number>> = {
  77: 10_000,
  128: 932,
  129: 949,
  134: 936,
  136: 950,
  161: 1253,
  162: 1254,
  163: 1258,
  177: 1255,
  178: 1256,
  186: 1257,
  204: 1251,
  222: 874,
  238: 1250,
};
const names: Readonly<Record<number, string>> = {
  874: 'windows-874',
  932: 'shift_jis',
  936: 'gbk',
  949: 'euc-kr',
  950: 'big5',
  10_000: 'macintosh',
  65_001: 'utf-8',
};

/** The code page of a font's character set; undefined: that of the document. */
export function codePageOf(charset: number): number | undefined {
  return codePages[charset];
}

/** Code pages that nobody knows any more are read as that of Western Windows: their first half is the same. */
export function decoded(bytes: Buffer, codePage: number): string {
  const name =
    names[codePage] ?? (codePage >= 1250 && codePage <= 1258 ? `windows-${codePage}` : 'windows-1252');
  return new TextDecoder(name).decode(bytes);
}
