import { type ExtractionLimits, type ExtractionOutcome, RefusedDocument } from './outcome';
import { TextGatherer } from './text-gatherer';

type Page = Awaited<ReturnType<Awaited<ReturnType<typeof openPdf>>['getPage']>>;

const tailBytes = 2048;

/**
 * The text of a PDF, page by page, with what stands in its notes and form fields.
 * @throws RefusedDocument
 */
export async function textOfPdf(bytes: Buffer, limits: ExtractionLimits): Promise<ExtractionOutcome> {
  // The reader mends what was cut off by leaving it out; here that would pass for the whole.
  if (!bytes.subarray(-tailBytes).includes('%%EOF')) throw new RefusedDocument('damaged');
  // The reader takes the memory over.
  const holdsImages = namesImages(bytes);
  const document = await openPdf(new Uint8Array(bytes));
  const text = new TextGatherer(limits.max_characters);
  const pages = Math.min(document.numPages, limits.max_pages);
  let unreadable = document.numPages - pages;
  for (let number = 1; number <= pages && !text.overflowed; number++) {
    try {
      await gatherPage(await document.getPage(number), text);
    } catch {
      unreadable++;
    }
  }
  const attachments = Object.keys(((await document.getAttachments()) ?? {}) as object).length;
  return {
    kind: 'text',
    media_type: 'application/pdf',
    text: text.text,
    pages: document.numPages,
    gaps: [
      ...(unreadable > 0 ? (['pages'] as const) : []),
      ...(text.overflowed ? (['text'] as const) : []),
      ...(holdsImages ? (['images'] as const) : []),
      ...(attachments > 0 ? (['attachments'] as const) : []),
    ],
  };
}

async function openPdf(bytes: Uint8Array) {
  const { getDocumentProxy } = await import('unpdf');
  try {
    return await getDocumentProxy(bytes, { isEvalSupported: false, disableFontFace: true, verbosity: 0 });
  } catch (error) {
    const encrypted = error instanceof Error && error.name === 'PasswordException';
    throw new RefusedDocument(encrypted ? 'encrypted' : 'damaged');
  }
}

async function gatherPage(page: Page, text: TextGatherer): Promise<void> {
  const { items } = await page.getTextContent();
  for (const item of items) {
    if ('str' in item) text.add(item.hasEOL ? `${item.str}\n` : item.str);
  }
  for (const note of (await page.getAnnotations()) as unknown[]) {
    for (const said of wordsOf(note)) text.add(`\n${said}`);
  }
  text.add('\n\n');
  page.cleanup();
}

function wordsOf(note: unknown): string[] {
  const { contentsObj, fieldValue } = note as { contentsObj?: { str?: unknown }; fieldValue?: unknown };
  return [contentsObj?.str, fieldValue]
    .filter((said) => typeof said === 'string')
    .filter((said) => said !== '');
}

/** Pictures are objects of their own, whose head stands in the file as it is, but for names spelled by their codes. */
function namesImages(bytes: Buffer): boolean {
  const heads = bytes
    .toString('latin1')
    .replace(/#([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
  return /\/Subtype\s*\/Image\b/.test(heads);
}
