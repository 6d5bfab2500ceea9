import { constants, deflateRawSync, deflateSync } from 'node:zlib';
import { docx, type PackedPart, pdf, pngOf, stream, zip } from './documents';

const mebibyte = 1024 * 1024;

/** What inflates to `mebibytes` of the same few characters over and over; making it takes the memory of one. */
export function inflatingTo(mebibytes: number, pattern: string, { head = '', tail = '' } = {}): PackedPart {
  const piece = Buffer.alloc(mebibyte - (mebibyte % pattern.length), pattern);
  const flushed = (plain: Buffer) => deflateRawSync(plain, { finishFlush: constants.Z_FULL_FLUSH });
  const repeated = flushed(piece);
  return {
    packed: Buffer.concat([
      flushed(Buffer.from(head)),
      ...Array.from({ length: mebibytes }, () => repeated),
      deflateRawSync(Buffer.from(tail)),
    ]),
    size: head.length + tail.length + mebibytes * piece.length,
  };
}

/** As PDF and PNG have it: with a head, and a checksum that nobody gets to. */
function zlibOf({ packed }: PackedPart): Buffer {
  return Buffer.concat([Buffer.from([0x78, 0x9c]), packed, Buffer.alloc(4)]);
}

const word = (part: PackedPart) => docx([], { 'word/document.xml': part });
const open = '<w:document xmlns:w="w"><w:body><w:p><w:r><w:t>';
const close = '</w:t></w:r></w:p></w:body></w:document>';

export const officeBombs: readonly (readonly [what: string, file: () => Buffer])[] = [
  ['a part of two gigabytes', () => word(inflatingTo(2048, 'a', { head: open, tail: close }))],
  [
    'a part that says it is small',
    () => word({ ...inflatingTo(2048, 'a', { head: open, tail: close }), size: 100 }),
  ],
  ['a hundred parts that are one', () => overlapping(100, inflatingTo(2, 'a', { head: open, tail: close }))],
  ['tags in tags without end', () => word(inflatingTo(40, '<w:p>'))],
  ['a tag of millions of attributes', () => word(inflatingTo(40, 'w:a="" ', { head: '<w:document ' }))],
  [
    'a declaration of types of two gigabytes',
    () => docx(['words'], { '[Content_Types].xml': inflatingTo(2048, ' ') }),
  ],
];

/** The directory names one part many times over. */
function overlapping(times: number, part: PackedPart): Buffer {
  const single = zip({ '[Content_Types].xml': '<Types/>', 'word/document.xml': part });
  const end = single.subarray(-22);
  const [size, at] = [end.readUInt32LE(12), end.readUInt32LE(16)];
  const directory = single.subarray(at, at + size);
  const second = directory.indexOf('PK\x01\x02', 1, 'latin1');
  const name = 'word/document.xml';
  const entries = Array.from({ length: times }, (_, n) => {
    const entry = Buffer.from(directory.subarray(second));
    entry.write(`word/header${String(n).padStart(2, '0')}.xml`.slice(0, name.length), 46, 'latin1');
    return entry;
  });
  const central = Buffer.concat([directory, ...entries]);
  const written = Buffer.from(end);
  for (const place of [8, 10]) written.writeUInt16LE(times + 2, place);
  written.writeUInt32LE(central.length, 12);
  return Buffer.concat([single.subarray(0, at), central, written]);
}

const flate = (part: PackedPart, filter = '/FlateDecode') =>
  stream(zlibOf(part).toString('latin1'), `/Filter ${filter}`);
/** A PDF whose one page draws what is in the object behind those that every PDF has. */
const drawing = (object: string): Buffer => pdf(['words'], { page: '/Contents 6 0 R', objects: [object] });

export const pdfBombs: readonly (readonly [what: string, file: () => Buffer])[] = [
  ['a page of two gigabytes', () => drawing(flate(inflatingTo(2048, '0 0 m ')))],
  [
    'a page packed twice',
    () => {
      const once = zlibOf(inflatingTo(8192, '0 0 m '));
      const twice = deflateSync(once).toString('latin1');
      return drawing(stream(twice, '/Filter[/FlateDecode/FlateDecode]'));
    },
  ],
  [
    'a picture of four gigabytes in its text',
    () => pdf(['words'], { drawing: '\nq BI /W 60000 /H 60000 /BPC 8 /CS /RGB ID 0123 EI Q' }),
  ],
  ['lists in lists without end', () => drawing(`[${'['.repeat(3_000_000)}`)],
  ['a page that draws lists in lists', () => drawing(stream('['.repeat(3_000_000)))],
  [
    'drawings of ten drawings each, twelve deep',
    () => withForms((at) => (at < 12 ? Array.from({ length: 10 }, () => at + 1) : []), 13),
  ],
];

/** A PDF that says it has more pages than anybody could write. */
export const boastful = (): Buffer =>
  Buffer.from(pdf(['words']).toString('latin1').replace('/Count 1', '/Count 2147483647'), 'latin1');

/** A page that draws the first of these forms. @param drawn which ones each draws */
function withForms(drawn: (at: number) => readonly number[], forms: number): Buffer {
  const first = 6;
  const names = Array.from({ length: forms }, (_, at) => `/X${at} ${first + at} 0 R`).join('');
  const resources = `/Resources<</Font<</F1 3 0 R>>/XObject<<${names}>>>>`;
  return pdf(['words'], {
    page: resources,
    drawing: '\n/X0 Do',
    objects: Array.from({ length: forms }, (_, at) =>
      stream(
        `BT /F1 12 Tf (more) Tj ET ${drawn(at)
          .map((each) => `/X${each} Do`)
          .join(' ')}`,
        `/Type/XObject/Subtype/Form/BBox[0 0 612 792]${resources}`,
      ),
    ),
  });
}

export const rtfBombs: readonly (readonly [what: string, file: () => Buffer])[] = [
  ['groups in groups without end', () => Buffer.from(`{\\rtf1 ${'{'.repeat(8_000_000)}`)],
  ['more bytes than there are', () => Buffer.from('{\\rtf1 words\\bin2147483647 x}')],
];

/** Heads of pictures of four billion pixels, and nothing behind them. */
export const imageBombs: readonly (readonly [format: string, file: Buffer])[] = [
  ['PNG', pngOf([['IHDR', Buffer.from('0000ffff0000ffff0806000000', 'hex')]])],
  ['GIF', Buffer.from('474946383961ffffffff800000000000ffffff3b', 'hex')],
  [
    'JPEG',
    Buffer.from('ffd8ffe000104a46494600010100000100010000ffc0001108ffffffff03011100021100031100ffd9', 'hex'),
  ],
  ['WebP', Buffer.from('524946461e00000057454250565038580a00000000000000ffff00ffff0000000000000000', 'hex')],
];

/** Pictures that say they are small. */
export const liars: readonly (readonly [what: string, file: () => Buffer])[] = [
  ['pixels of two gigabytes', () => smallPng(['IDAT', zlibOf(inflatingTo(2048, '\0'))])],
  [
    'a color profile of two gigabytes',
    () =>
      smallPng(['iCCP', Buffer.concat([Buffer.from('x\0\0', 'latin1'), zlibOf(inflatingTo(2048, '\0'))])]),
  ],
  [
    'a note of two gigabytes',
    () =>
      smallPng(['zTXt', Buffer.concat([Buffer.from('x\0\0', 'latin1'), zlibOf(inflatingTo(2048, '\0'))])]),
  ],
];

function smallPng(chunk: readonly [type: string, data: Buffer]): Buffer {
  return pngOf([
    ['IHDR', Buffer.from('00000010000000100802000000', 'hex')],
    chunk,
    ...(chunk[0] === 'IDAT' ? [] : [['IDAT', deflateSync(Buffer.alloc(16 * 49))] as const]),
  ]);
}
