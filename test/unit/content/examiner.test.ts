import { Examiner, type SentFile } from '../../../src/content/examiner';
import { ReadersBusy, ReadingTookTooLong } from '../../../src/content/document-reader';
import type { ExtractionOutcome } from '../../../src/content/extraction/outcome';
import { docx, gif, pdf, png, pngOf } from '../../support/documents';

const wordMedia = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
const word: ExtractionOutcome = {
  kind: 'text',
  media_type: wordMedia,
  text: 'words',
  pages: 1,
  gaps: ['images'],
};

function examine(
  bytes: Buffer,
  declared: Partial<SentFile['declared']> = {},
  outcome = () => Promise.resolve(word),
) {
  const settings = { max_image_bytes: 100_000, max_image_pixels: 10_000, max_document_characters: 20 };
  return new Examiner({ reader: { read: outcome }, settings }).examine({
    bytes,
    field: 'file',
    declared: { contentType: null, mediaType: 'application/octet-stream', ...declared },
    withinMs: 1000,
  });
}
const refusedWith = (detail: string) => ({
  code: 'INVALID_REQUEST',
  status: 400,
  detail,
  fieldErrors: [{ path: 'file', message: expect.stringMatching(/\w/) as string }],
});

describe('Examining a file [5.1]', () => {
  it('knows an image by its first bytes, and its size without decoding it', async () => {
    const examined = await examine(png(20, 10), { contentType: 'image', mediaType: 'image/png' });
    expect(examined).toMatchObject({
      contentType: 'image',
      source: { digest: expect.stringMatching(/^[0-9a-f]{64}$/) as string, gaps: [] },
      facts: { media_type: 'image/png', width: 20, height: 10, pages: null, not_extracted: [] },
    });
    expect(examined.body.equals(png(20, 10))).toBe(true);
  });

  it.each([
    ['GIF', gif(2)],
    [
      'PNG',
      pngOf([
        ['IHDR', Buffer.from('00000001000000010802000000', 'hex')],
        ['acTL', Buffer.alloc(8)],
      ]),
    ],
    ['WebP', Buffer.from('524946461e000000574542505650385802000000020000000000000000000000', 'hex')],
  ])('says of an animated %s that its further frames are not judged', async (_format, bytes) => {
    expect((await examine(bytes)).facts.not_extracted).toEqual(['frames']);
  });

  it('finds nothing missing in an image of one frame', async () => {
    expect((await examine(gif(1))).facts.not_extracted).toEqual([]);
  });

  it.each<[string, Buffer, Partial<SentFile['declared']>, string]>([
    [
      'an image of too many pixels',
      pngOf([['IHDR', Buffer.from('00010000000100000802000000', 'hex')]]),
      {},
      'image_too_large',
    ],
    ['an image of too many bytes', Buffer.concat([png(5, 5), Buffer.alloc(100_000)]), {}, 'image_too_large'],
    ['an image that was cut off', png(20, 10).subarray(0, 14), {}, 'image_damaged'],
    ['a PNG sent as JPEG', png(5, 5), { mediaType: 'image/jpeg' }, 'media_type_mismatch'],
    ['an image declared as a document', png(5, 5), { contentType: 'document' }, 'content_type_mismatch'],
    ['a PDF declared as an image', pdf(['x']), { contentType: 'image' }, 'content_type_mismatch'],
    ['a Word file sent as PDF', docx(['x']), { mediaType: 'application/pdf' }, 'media_type_mismatch'],
    ['a program', Buffer.from('4d5a900003000000', 'hex'), {}, 'document_unsupported'],
    ['a text of nothing', Buffer.from(' \n '), {}, 'document_without_text'],
    ['a text in another encoding', Buffer.from([0x61, 0xe9, 0x62]), {}, 'document_unsupported'],
  ])('refuses %s', async (_claim, bytes, declared, detail) => {
    await expect(examine(bytes, declared)).rejects.toMatchObject(refusedWith(detail));
  });

  it.each(['encrypted', 'damaged', 'too_complex', 'without_text', 'unsupported'] as const)(
    'says of a document that is %s what to do about it',
    async (reason) => {
      const refused = () => Promise.resolve<ExtractionOutcome>({ kind: 'refused', reason });
      await expect(examine(pdf(['x']), {}, refused)).rejects.toMatchObject(refusedWith(`document_${reason}`));
    },
  );

  it('makes the text of a document its content, and says what is not in it', async () => {
    expect(await examine(docx(['words']), { mediaType: wordMedia })).toMatchObject({
      contentType: 'document',
      body: Buffer.from('words'),
      source: { gaps: ['images'] },
      facts: { media_type: wordMedia, pages: 1, characters: 5, not_extracted: ['images'] },
    });
  });

  it('takes a text as it is, as far as its limit', async () => {
    expect(await examine(Buffer.from('Grüße'), { mediaType: 'text/markdown' })).toMatchObject({
      body: Buffer.from('Grüße'),
      facts: { media_type: 'text/plain', characters: 5, not_extracted: [] },
    });
    expect(await examine(Buffer.from('x'.repeat(21)))).toMatchObject({
      body: Buffer.from('x'.repeat(20)),
      facts: { not_extracted: ['text'] },
    });
  });

  it('is honest about why a document was not read', async () => {
    await expect(examine(pdf(['x']), {}, () => Promise.reject(new ReadersBusy()))).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      detail: 'overloaded',
    });
    await expect(
      examine(pdf(['x']), {}, () => Promise.reject(new ReadingTookTooLong())),
    ).rejects.toMatchObject({
      code: 'REQUEST_TIMEOUT',
      detail: 'document_too_slow',
    });
  });
});
