import { crc32, deflateRawSync, deflateSync } from 'node:zlib';

/**
 * A PDF with a line of text on each page.
 * @param extra objects that stand in it besides, what every page draws, and entries of every page and of the trailer
 */
export function pdf(
  pages: readonly string[],
  extra: { objects?: readonly string[]; drawing?: string; page?: string; trailer?: string } = {},
): Buffer {
  const objects = [
    '<</Type/Catalog/Pages 2 0 R>>',
    `<</Type/Pages/Count ${pages.length}/Kids[${pages.map((_, index) => `${4 + 2 * index} 0 R`).join(' ')}]>>`,
    '<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>',
    ...pages.flatMap((text, index) => [
      `<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>/Contents ${5 + 2 * index} 0 R${extra.page ?? ''}>>`,
      stream(`${text === '' ? '' : `BT /F1 12 Tf 72 720 Td (${text}) Tj ET`}${extra.drawing ?? ''}`),
    ]),
    ...(extra.objects ?? []),
  ];
  let file = '%PDF-1.4\n';
  const offsets = objects.map((object, index) => {
    const at = file.length;
    file += `${index + 1} 0 obj${object}endobj\n`;
    return at;
  });
  const table = offsets.map((at) => `${String(at).padStart(10, '0')} 00000 n \n`).join('');
  const trailer = `<</Size ${objects.length + 1}/Root 1 0 R${extra.trailer ?? ''}>>`;
  const size = objects.length + 1;
  return Buffer.from(
    `${file}xref\n0 ${size}\n0000000000 65535 f \n${table}trailer${trailer}\nstartxref\n${file.length}\n%%EOF`,
    'latin1',
  );
}

export const stream = (text: string, entries = ''): string =>
  `<</Length ${text.length}${entries}>>stream\n${text}\nendstream`;

/** The picture of a PDF that shows one. */
export const pdfPicture =
  '<</Type/XObject/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray/Length 1>>stream\n0\nendstream';

/** A PDF that opens with a password only. */
export function encryptedPdf(): Buffer {
  const secret = 'a1'.repeat(32);
  const dictionary = `<</Filter/Standard/V 1/R 2/O<${secret}>/U<${secret}>/P -4>>`;
  return pdf(['a secret'], {
    objects: [dictionary],
    trailer: `/Encrypt 6 0 R/ID[<${'00'.repeat(16)}><${'00'.repeat(16)}>]`,
  });
}

/** A part as it stands in an archive, and what is said of it there. */
export interface PackedPart {
  readonly packed: Buffer;
  readonly size: number;
}

type Parts = Readonly<Record<string, string | Buffer | PackedPart>>;

/** An archive of parts. @param flags general purpose bits of every entry: 1 says that it is encrypted */
export function zip(parts: Parts, flags = 0): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, part] of Object.entries(parts)) {
    const { packed, size, crc } = packedPart(part);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc, 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(size, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), packed]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(at, 10);
    directory.push(
      Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, place, Buffer.from(name)]),
    );
    bodies.push(local);
    at += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...bodies, central, end]);
}

function packedPart(part: Parts[string]): PackedPart & { readonly crc: number } {
  if (typeof part === 'object' && 'packed' in part) return { ...part, crc: 0 };
  const plain = Buffer.from(part as string);
  return { packed: deflateRawSync(plain), size: plain.length, crc: crc32(plain) };
}

const xml = (body: string): string => `<?xml version="1.0" encoding="UTF-8"?>${body}`;
const contentTypes = { '[Content_Types].xml': xml('<Types/>') };

export function docx(paragraphs: readonly string[], more: Parts = {}): Buffer {
  const body = paragraphs.map((text) => `<w:p><w:r><w:t>${text}</w:t></w:r></w:p>`).join('');
  return zip({
    ...contentTypes,
    'word/document.xml': xml(`<w:document xmlns:w="w"><w:body>${body}</w:body></w:document>`),
    'word/styles.xml': xml('<w:styles xmlns:w="w"><w:t>Heading</w:t></w:styles>'),
    ...more,
  });
}

export const wordPart = (text: string): string =>
  xml(`<w:hdr xmlns:w="w"><w:p><w:t>${text}</w:t></w:p></w:hdr>`);

export function xlsx(more: Parts = {}): Buffer {
  return zip({
    ...contentTypes,
    'xl/workbook.xml': xml('<workbook/>'),
    'xl/sharedStrings.xml': xml('<sst><si><t>Name</t></si><si><t>Jane Doe</t></si></sst>'),
    'xl/worksheets/sheet1.xml': xml(
      '<worksheet><row><c t="s"><v>7</v></c><c><v>4111111111111111</v></c><c t="inlineStr"><is><t>inline words</t></is></c></row></worksheet>',
    ),
    ...more,
  });
}

export function pptx(slides: readonly string[], note: string, more: Parts = {}): Buffer {
  const slide = (text: string) => xml(`<p:sld xmlns:p="p" xmlns:a="a"><a:p><a:t>${text}</a:t></a:p></p:sld>`);
  return zip({
    ...contentTypes,
    'ppt/presentation.xml': xml('<p:presentation xmlns:p="p"/>'),
    'ppt/slideMasters/slideMaster1.xml': master('Click to edit', 'Acme, confidential'),
    ...Object.fromEntries(slides.map((text, index) => [`ppt/slides/slide${index + 1}.xml`, slide(text)])),
    'ppt/notesSlides/notesSlide1.xml': slide(note),
    ...more,
  });
}

/** What is to be overwritten on a slide, and what stands on all of them. */
const master = (prompt: string, fixed: string): string =>
  xml(
    `<p:sldMaster xmlns:p="p" xmlns:a="a"><p:sp><p:nvSpPr><p:nvPr><p:ph/></p:nvPr></p:nvSpPr><p:txBody><a:p><a:t>${prompt}</a:t></a:p></p:txBody></p:sp><p:sp><p:txBody><a:p><a:t>${fixed}</a:t></a:p></p:txBody></p:sp></p:sldMaster>`,
  );

export function odt(text: string, manifest = '<manifest/>', more: Parts = {}): Buffer {
  return zip({
    mimetype: 'application/vnd.oasis.opendocument.text',
    'content.xml': xml(
      `<o:document-content xmlns:o="o" xmlns:t="t"><o:body><t:p>${text}</t:p></o:body></o:document-content>`,
    ),
    'META-INF/manifest.xml': xml(manifest),
    ...more,
  });
}

/** A PNG of one color. */
export function png(
  width: number,
  height: number,
  [red, green, blue]: readonly number[] = [200, 30, 60],
): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.alloc(1), Buffer.alloc(width * 3, Buffer.from([red!, green!, blue!]))]);
  return pngOf([
    ['IHDR', head],
    ['IDAT', deflateSync(Buffer.concat(Array.from({ length: height }, () => row)))],
  ]);
}

export function pngOf(chunks: readonly (readonly [type: string, data: Buffer])[]): Buffer {
  const written = [...chunks, ['IEND', Buffer.alloc(0)] as const].map(([type, data]) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const chunk = Buffer.alloc(body.length + 8);
    chunk.writeUInt32BE(data.length, 0);
    body.copy(chunk, 4);
    chunk.writeUInt32BE(crc32(body), body.length + 4);
    return chunk;
  });
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...written]);
}

/** A GIF of one pixel a frame. */
export function gif(frames: number): Buffer {
  const head = Buffer.from('GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff', 'latin1');
  const frame = Buffer.from('\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00', 'latin1');
  return Buffer.concat([head, ...Array.from({ length: frames }, () => frame), Buffer.from(';')]);
}
