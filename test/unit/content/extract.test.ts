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
    expect(text).not.toContain('Click to edit');
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
