import { extract } from '../../../src/content/extraction/extract';
import type { ExtractionLimits, ExtractionOutcome } from '../../../src/content/extraction/outcome';
import { docx, odt, pptx, wordPart, xlsx, zip } from '../../support/documents';

const limits: ExtractionLimits = {
  max_characters: 10_000,
  max_pages: 10,
  max_inflated_bytes: 100_000,
  max_entries: 20,
};
const read = (bytes: Buffer, overrides: Partial<ExtractionLimits> = {}) =>
  extract(bytes, { ...limits, ...overrides });

function textOf(outcome: ExtractionOutcome): string {
  if (outcome.kind !== 'text') throw new Error(`refused: ${outcome.reason}`);
  return outcome.text;
}
/** Beside the document itself. */
const kept = {
  '_rels/.rels': '<x/>',
  'docProps/app.xml': '<x/>',
  'docProps/core.xml': '<x/>',
  'docProps/thumbnail.jpeg': 'x',
  'customXml/item1.xml': '<x/>',
  'customXml/itemProps1.xml': '<x/>',
  'customXml/_rels/item1.xml.rels': '<x/>',
};
const refused = (reason: string) => ({ kind: 'refused', reason });

describe('the text of an Office file', () => {
  it('is what a reader of a Word file sees, headers, notes and comments too', async () => {
    const outcome = await read(
      docx(['First line', 'Jos\u00e9 &amp; co'], {
        'word/header1.xml': wordPart('in the header'),
        'word/comments.xml': wordPart('a remark'),
        'word/media/image1.png': 'x',
        'word/embeddings/sheet.xlsx': 'x',
      }),
    );
    expect(outcome).toMatchObject({
      kind: 'text',
      media_type: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
      pages: 1,
      gaps: ['images', 'attachments'],
    });
    const text = textOf(outcome);
    expect(text).toContain('First line\nJosé & co');
    expect(text).toContain('in the header');
    expect(text).toContain('a remark');
    expect(text).not.toContain('Heading');
  });

  it('is the strings and numbers of a workbook, but not the numbers of its strings', async () => {
    const text = textOf(await read(xlsx()));
    expect(text.split(/\s*\n\s*/)).toEqual(['Name', 'Jane Doe', '4111111111111111', 'inline words']);
  });

  it('is that of all slides in their order, with their notes', async () => {
    const outcome = await read(
      pptx(
        Array.from({ length: 11 }, (_, index) => `slide no ${index + 1}`),
        'say this',
      ),
    );
    expect(outcome).toMatchObject({ pages: 11, gaps: [] });
    const text = textOf(outcome);
    expect(text.indexOf('slide no 2')).toBeLessThan(text.indexOf('slide no 11'));
    expect(text).toContain('say this');
    expect(text).toContain('Acme, confidential');
    expect(text).not.toContain('Click to edit');
  });

  it('is that of parts whose names are written in other letters', async () => {
    const text = textOf(await read(docx([], { 'WORD/Header1.XML': wordPart('in the header') })));
    expect(text).toBe('in the header');
  });

  it.each<[string, () => Buffer]>([
    ['a page of HTML', () => docx(['words'], { 'word/afchunk1.html': '<p>more</p>' })],
    ['a part of another folder', () => docx(['words'], { 'docs/document.xml': wordPart('more') })],
    ['one beside the inert ones', () => docx(['words'], { 'docProps/more.xml': wordPart('more') })],
    ['an object', () => odt('words', '<m/>', { 'Object 1/content.xml': '<x>more</x>' })],
    ['macros', () => docx(['words'], { 'word/vbaProject.bin': 'x' })],
    [
      'HTML by the name of a part',
      () =>
        docx(['words'], {
          '[Content_Types].xml':
            '<Types><Override PartName="/word/more.xml" ContentType="application/x&#104;tml+xml"/></Types>',
          'word/more.xml': '<html><p>more</p></html>',
        }),
    ],
  ])('is not all there is where it has %s', async (_what, file) => {
    expect(await read(file())).toMatchObject({ text: 'words', gaps: ['attachments'] });
  });

  it.each<[string, () => Buffer]>([
    [
      'Word',
      () =>
        docx(['words'], {
          ...kept,
          'word/_rels/document.xml.rels': '<x/>',
          'word/theme/theme1.xml': '<x/>',
          'word/fonts/font1.odttf': 'x',
          'word/webSettings.xml': '<x/>',
          'word/fontTable.xml': '<x/>',
        }),
    ],
    [
      'Excel',
      () =>
        xlsx({
          ...kept,
          'xl/calcChain.xml': '<x/>',
          'xl/printerSettings/printerSettings1.bin': 'x',
          'xl/drawings/vmlDrawing1.vml': '<x>',
          'xl/drawings/drawing1.xml': '<x/>',
        }),
    ],
    [
      'PowerPoint',
      () =>
        pptx(['words'], 'note', {
          ...kept,
          'ppt/presProps.xml': '<x/>',
          'ppt/tags/tag1.xml': '<x/>',
          'ppt/theme/themeOverride1.xml': '<x/>',
          'ppt/printerSettings/printerSettings1.bin': 'x',
          'ppt/fonts/font1.fntdata': 'x',
        }),
    ],
    [
      'LibreOffice',
      () =>
        odt('words', '<m/>', {
          'meta.xml': '<x/>',
          'settings.xml': '<x/>',
          'manifest.rdf': '<x/>',
          'layout-cache': 'x',
          'Thumbnails/thumbnail.png': 'x',
          'Configurations2/accelerator/current.xml': '<x/>',
          'Configurations2/images/Bitmaps/': '',
        }),
    ],
  ])('is all there is of an ordinary file, for all that %s keeps in it', async (_application, file) => {
    expect(await read(file())).toMatchObject({ gaps: [] });
  });

  it('is that of an OpenDocument text', async () => {
    expect(textOf(await read(odt('Guten Tag')))).toBe('Guten Tag');
  });

  it('ends at its limit, and says so', async () => {
    const outcome = await read(docx(['x'.repeat(500)]), { max_characters: 100 });
    expect(outcome).toMatchObject({ text: 'x'.repeat(100), gaps: ['text'] });
  });
});

describe('a file that gives no text', () => {
  it.each<[string, () => Buffer, string]>([
    ['an archive that is no Office file', () => zip({ 'a.txt': 'x' }), 'unsupported'],
    ['an Office file of before 2007', () => Buffer.from('d0cf11e0a1b11ae1', 'hex'), 'unsupported'],
    [
      'an encrypted Office file',
      () =>
        Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), Buffer.from('EncryptedPackage', 'utf16le')]),
      'encrypted',
    ],
    [
      'an archive with encrypted parts',
      () => zip({ '[Content_Types].xml': 'x', 'word/document.xml': 'x' }, 1),
      'encrypted',
    ],
    ['an encrypted OpenDocument file', () => odt('x', '<m><encryption-data/></m>'), 'encrypted'],
    [
      'one with two parts of one name',
      () => docx(['words'], { 'word/a.xml': '<x/>', 'word/A.xml': '<x/>' }),
      'damaged',
    ],
    ['an archive that was cut off', () => docx(['text']).subarray(0, 200), 'damaged'],
    ['broken XML', () => docx([], { 'word/document.xml': '<w:document><w:t>open' }), 'damaged'],
    [
      'XML that declares entities',
      () =>
        docx([], {
          'word/document.xml': '<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><w:t>&b;</w:t>',
        }),
      'damaged',
    ],
    ['one that inflates to more than is allowed', () => docx(['0'.repeat(200_000)]), 'too_complex'],
    [
      'one of too many parts',
      () => zip(Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`word/${index}.xml`, '<a/>']))),
      'too_complex',
    ],
    ['one without a word', () => docx([' ']), 'without_text'],
    ['something else', () => Buffer.from('hello'), 'unsupported'],
  ])('is refused: %s', async (_claim, file, reason) => {
    expect(await read(file())).toEqual(refused(reason));
  });
});
