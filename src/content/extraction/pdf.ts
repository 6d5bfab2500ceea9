import { type ExtractionLimits, type ExtractionOutcome, RefusedDocument } from './outcome';
import { TextGatherer } from './text-gatherer';

type Page = Awaited<ReturnType<Awaited<ReturnType<typeof openPdf>>['getPage']>>;

/** What stands in the document and is not taken out. */
interface Left {
  images: boolean;
  attachments: boolean;
}

const tailBytes = 2048;

/**
 * The text of a PDF, page by page, with what stands in its notes and form fields.
 * @throws RefusedDocument
 */
export async function textOfPdf(bytes: Buffer, limits: ExtractionLimits): Promise<ExtractionOutcome> {
  // The reader mends what was cut off by leaving it out; here that would pass for the whole.
  if (!bytes.subarray(-tailBytes).includes('%%EOF')) throw new RefusedDocument('damaged');
  // The reader takes the memory over.
  const left: Left = { images: namesImages(bytes), attachments: false };
  const document = await openPdf(new Uint8Array(bytes));
  const text = new TextGatherer(limits.max_characters);
  const pages = Math.min(document.numPages, limits.max_pages);
  let unreadable = document.numPages - pages;
  for (let number = 1; number <= pages && !text.overflowed; number++) {
    try {
      await gatherPage(await document.getPage(number), text, left);
    } catch {
      unreadable++;
    }
  }
  const enclosed = Object.keys(((await document.getAttachments()) ?? {}) as object).length;
  return {
    kind: 'text',
    media_type: 'application/pdf',
    text: text.text,
    pages: document.numPages,
    gaps: [
      ...(unreadable > 0 ? (['pages'] as const) : []),
      ...(text.overflowed ? (['text'] as const) : []),
      ...(left.images ? (['images'] as const) : []),
      ...(enclosed > 0 || left.attachments ? (['attachments'] as const) : []),
    ],
  };
}

async function openPdf(bytes: Uint8Array) {
  const { getDocumentProxy } = await import('unpdf');
  lendBufferTransfer();
  try {
    return await getDocumentProxy(bytes, { isEvalSupported: false, disableFontFace: true, verbosity: 0 });
  } catch (error) {
    const encrypted = error instanceof Error && error.name === 'PasswordException';
    throw new RefusedDocument(encrypted ? 'encrypted' : 'damaged');
  }
}

async function gatherPage(page: Page, text: TextGatherer, left: Left): Promise<void> {
  const { items } = await page.getTextContent();
  for (const item of items) {
    if ('str' in item) text.add(item.hasEOL ? `${item.str}\n` : item.str);
  }
  for (const note of (await page.getAnnotations()) as unknown[]) {
    for (const said of wordsOf(note)) text.add(`\n${said}`);
    if (bringsFile(note)) left.attachments = true;
  }
  if (!left.images && (await paintsPictures(page))) left.images = true;
  text.add('\n\n');
  page.cleanup();
}

function wordsOf(note: unknown): string[] {
  const { contentsObj, fieldValue } = note as { contentsObj?: { str?: unknown }; fieldValue?: unknown };
  return [contentsObj?.str, fieldValue]
    .filter((said) => typeof said === 'string')
    .filter((said) => said !== '');
}

function bringsFile(note: unknown): boolean {
  const { subtype } = note as { subtype?: unknown };
  return /^(?:FileAttachment|RichMedia|Screen|Sound|Movie|3D)$/.test(String(subtype));
}

/** Pictures that stand amid what a page draws, which may be packed. */
async function paintsPictures(page: Page): Promise<boolean> {
  const { getResolvedPDFJS } = await import('unpdf');
  const { OPS } = await getResolvedPDFJS();
  const pictures = new Set<number>([
    OPS.paintInlineImageXObject,
    OPS.paintInlineImageXObjectGroup,
    OPS.paintImageXObject,
    OPS.paintImageXObjectRepeat,
    OPS.paintImageMaskXObject,
    OPS.paintImageMaskXObjectGroup,
    OPS.paintImageMaskXObjectRepeat,
  ]);
  const { fnArray } = await page.getOperatorList();
  return fnArray.some((operator) => pictures.has(operator));
}

/** Node 20 lacks it; there the reader would stop at a page's first font, and not say so. */
function lendBufferTransfer(): void {
  if ('transferToFixedLength' in ArrayBuffer.prototype) return;
  Object.defineProperty(ArrayBuffer.prototype, 'transferToFixedLength', {
    value(this: ArrayBuffer, length: number): ArrayBuffer {
      return this.slice(0, length);
    },
  });
}

/** Most pictures are objects of their own, whose head stands in the file as it is, but for names spelled by their codes. */
function namesImages(bytes: Buffer): boolean {
  const heads = bytes
    .toString('latin1')
    .replace(/#([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
  return /\/Subtype\s*\/Image\b/.test(heads);
}
