import { DocumentReader } from '../../../src/content/document-reader';
import { Examiner } from '../../../src/content/examiner';
import { decodeImage, UndecodableImage } from '../../../src/detectors/builtin/image-safety/decode-image';
import {
  boastful,
  imageBombs,
  inflatingTo,
  liars,
  officeBombs,
  pdfBombs,
  rtfBombs,
} from '../../support/bombs';
import { docx, zip } from '../../support/documents';

const settings = {
  max_image_bytes: 4_000_000,
  max_image_pixels: 40_000_000,
  max_document_characters: 10_000,
};
/** What the product comes with. */
const limits = {
  max_characters: 500_000,
  max_pages: 500,
  max_inflated_bytes: 64 * 1024 * 1024,
  max_entries: 5000,
};
const withinMs = 20_000;
const patienceMs = 120_000;
const small = docx(['a document like any other']);

const reader = new DocumentReader({ limits, memoryMb: 512, maxConcurrent: 2, maxWaiting: 10 });
const examiner = new Examiner({ reader, settings });
afterAll(() => reader.stop());

const examine = (bytes: Buffer) =>
  examiner.examine({
    bytes,
    field: 'file',
    declared: { contentType: null, mediaType: 'application/octet-stream' },
    withinMs,
  });

/** What its sender is told: that it was refused, and why, or what of it nobody will judge. */
async function answerTo(bomb: Buffer): Promise<string> {
  try {
    return `text, not extracted: ${(await examine(bomb)).facts.not_extracted.join()}`;
  } catch (error) {
    return String((error as { detail?: unknown }).detail);
  }
}

describe('A document that is a bomb', () => {
  it.each([...officeBombs, ...pdfBombs, ...rtfBombs])(
    '%s: is refused or not judged, and others are read meanwhile',
    async (_what, file) => {
      const [answer, other] = await Promise.all([answerTo(file()), examine(small)]);
      expect(answer).toMatch(
        /^(document_(damaged|too_complex|too_slow|without_text|unsupported)|text, not extracted: \w+.*)$/,
      );
      expect(other.body.toString()).toBe('a document like any other');
    },
    patienceMs,
  );

  it(
    'that inflates beyond the limit is refused for that',
    async () => {
      for (const [, file] of officeBombs.slice(0, 1))
        expect(await answerTo(file())).toBe('document_too_complex');
    },
    patienceMs,
  );

  it(
    'by what it says only is read for what it is',
    async () => {
      expect((await examine(boastful())).body.toString()).toBe('words');
    },
    patienceMs,
  );

  it(
    'in another document is not looked into, and counts as not judged',
    async () => {
      const inner = zip({ 'word/document.xml': inflatingTo(2048, 'a') });
      const nested = [1, 2, 3, 4, 5].reduce(
        (file) => docx(['words'], { 'word/embeddings/a.docx': file }),
        inner,
      );
      expect(await answerTo(nested)).toBe('text, not extracted: attachments');
    },
    patienceMs,
  );

  it.each([
    [
      'grow by factors',
      '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><w:t>&b;</w:t>',
    ],
    ['are long', `<!DOCTYPE a [<!ENTITY a "${'x'.repeat(100_000)}">]><w:t>${'&a;'.repeat(100_000)}</w:t>`],
    ['are files of this machine', '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><w:t>&a;</w:t>'],
    ['are declared elsewhere', '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><w:t>&a;</w:t>'],
    ['nobody has declared', '<w:t>&a;</w:t>'],
  ])(
    'by entities that %s is refused, in any of its parts',
    async (_what, xml) => {
      for (const part of ['word/document.xml', 'word/header1.xml', '[Content_Types].xml'])
        expect(await answerTo(docx(['words'], { [part]: xml }))).toBe('document_damaged');
    },
    patienceMs,
  );
});

describe('A picture that is a bomb', () => {
  it.each(imageBombs)('is refused by its head: %s', async (_format, file) => {
    expect(await answerTo(file)).toBe('image_too_large');
    expect(() => decodeImage(file, 224)).toThrow(UndecodableImage);
  });

  it.each(liars)(
    'by %s behind a small head is decoded no further than its head says',
    (_what, file) => {
      const before = process.memoryUsage().rss;
      try {
        expect(decodeImage(file(), 32)).toHaveLength(32 * 32 * 3);
      } catch (error) {
        expect(error).toBeInstanceOf(UndecodableImage);
      }
      // Two gigabytes would show.
      expect(process.memoryUsage().rss - before).toBeLessThan(600 * 1024 * 1024);
    },
    patienceMs,
  );
});
