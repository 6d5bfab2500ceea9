import childProcess, { type ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { DocumentReader, type DocumentReaderOptions } from '../../../src/content/document-reader';
import { docx, encryptedPdf, pdf, pdfPicture } from '../../support/documents';

const patienceMs = 60_000;
const readers: DocumentReader[] = [];

function reader(overrides: Partial<DocumentReaderOptions> = {}): DocumentReader {
  const created = new DocumentReader({
    limits: { max_characters: 10_000, max_pages: 2, max_inflated_bytes: 100_000, max_entries: 20 },
    memoryMb: 1024,
    maxConcurrent: 2,
    maxWaiting: 10,
    ...overrides,
  });
  readers.push(created);
  return created;
}
afterAll(() => {
  for (const each of readers) each.stop();
});

afterEach(() => jest.restoreAllMocks());

describe('reading a document in a process of its own', () => {
  it('takes the text out of a PDF, page by page, and says what it left', async () => {
    const outcome = await reader().read(
      pdf(['Mail jane.doe@example.com', 'card 4111 1111 1111 1111', 'page three'], { objects: [pdfPicture] }),
      patienceMs,
    );
    expect(outcome).toEqual({
      kind: 'text',
      media_type: 'application/pdf',
      text: 'Mail jane.doe@example.com\n\ncard 4111 1111 1111 1111',
      pages: 3,
      gaps: ['pages', 'images'],
    });
  });

  it.each<[string, Parameters<typeof pdf>[1], string]>([
    [
      'a picture amid what a page draws',
      { drawing: '\nq BI /W 2 /H 2 /BPC 8 /CS /G ID 0123 EI Q' },
      'images',
    ],
    [
      'a file pinned to a page',
      {
        page: '/Annots[6 0 R]',
        objects: [
          '<</Type/Annot/Subtype/FileAttachment/Rect[0 0 20 20]/FS<</Type/Filespec/F(a.txt)/EF<</F 7 0 R>>>>>>',
          '<</Type/EmbeddedFile/Length 5>>stream\nwords\nendstream',
        ],
      },
      'attachments',
    ],
  ])('says that it left %s', async (_what, extra, gap) => {
    const outcome = await reader().read(pdf(['words'], extra), patienceMs);
    expect(outcome).toMatchObject({ text: 'words', gaps: [gap] });
  });

  it('says of a PDF of plain text that it left nothing', async () => {
    expect(await reader().read(pdf(['words']), patienceMs)).toMatchObject({ text: 'words', gaps: [] });
  });

  it.each<[string, () => Buffer, string]>([
    ['encrypted', () => encryptedPdf(), 'encrypted'],
    ['cut off', () => pdf(['some words']).subarray(0, -40), 'damaged'],
    ['nothing but a head and a tail', () => Buffer.from('%PDF-1.7\n%%EOF'), 'damaged'],
    ['pictures only', () => pdf([''], { objects: [pdfPicture] }), 'without_text'],
  ])('refuses a PDF that is %s', async (_claim, file, reason) => {
    expect(await reader().read(file(), patienceMs)).toEqual({ kind: 'refused', reason });
  });

  it('ends one that takes too much memory', async () => {
    expect(await reader({ memoryMb: 1 }).read(docx(['words']), patienceMs)).toEqual({
      kind: 'refused',
      reason: 'too_complex',
    });
  });

  it('ends one that takes too long, and goes on with the next', async () => {
    const busy = reader({ maxConcurrent: 1 });
    await expect(busy.read(docx(['words']), 1)).rejects.toMatchObject({ name: 'ReadingTookTooLong' });
    expect(await busy.read(docx(['words']), patienceMs)).toMatchObject({ text: 'words' });
  });

  it('lets so many wait and no more', async () => {
    const busy = reader({ maxConcurrent: 1, maxWaiting: 1 });
    const [first, second, third] = await Promise.allSettled(
      [1, 2, 3].map((number) => busy.read(docx([`words ${number}`]), patienceMs)),
    );
    expect(first).toMatchObject({ value: { text: 'words 1' } });
    expect(second).toMatchObject({ value: { text: 'words 2' } });
    expect(third).toMatchObject({ status: 'rejected', reason: { name: 'ReadersBusy' } });
  });

  it('does not begin with what is late already', async () => {
    const busy = reader({ maxConcurrent: 1, maxWaiting: 0 });
    const first = busy.read(docx(['words']), patienceMs);
    await expect(busy.read(docx(['late']), 0)).rejects.toMatchObject({ name: 'ReadingTookTooLong' });
    expect(await first).toMatchObject({ text: 'words' });
  });

  it('gives up a place in the line with the time of who waits', async () => {
    const busy = reader({ maxConcurrent: 1, maxWaiting: 1 });
    const first = busy.read(docx(['words']), patienceMs);
    await expect(busy.read(docx(['late']), 1)).rejects.toMatchObject({ name: 'ReadingTookTooLong' });
    expect(await first).toMatchObject({ text: 'words' });
    expect(await busy.read(docx(['later']), patienceMs)).toMatchObject({ text: 'later' });
  });

  it('is put off while the system has no process to give', async () => {
    jest.spyOn(childProcess, 'spawn').mockImplementationOnce(() => {
      // What Node returns when there are no file handles left: neither streams nor a process.
      const child = new EventEmitter() as ChildProcess;
      process.nextTick(() => child.emit('error', new Error('spawn EMFILE')));
      return child;
    });
    const short = reader({ maxConcurrent: 1 });
    await expect(short.read(docx(['words']), patienceMs)).rejects.toMatchObject({ name: 'ReadersBusy' });
    expect(await short.read(docx(['words']), patienceMs)).toMatchObject({ text: 'words' });
  });

  it('starts nothing any more once it is stopped, and blames no document for that', async () => {
    const spawned = jest.spyOn(childProcess, 'spawn');
    const stopped = reader({ maxConcurrent: 1 });
    const readings = [1, 2, 3].map((number) => stopped.read(docx([`words ${number}`]), patienceMs));
    await setImmediate();
    stopped.stop();
    const busy = { status: 'rejected', reason: { name: 'ReadersBusy' } };
    expect(await Promise.allSettled(readings)).toMatchObject([busy, busy, busy]);
    await expect(stopped.read(docx(['late']), patienceMs)).rejects.toMatchObject({ name: 'ReadersBusy' });
    expect(spawned).toHaveBeenCalledTimes(1);
  });
});
