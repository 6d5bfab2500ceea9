import type { ContentSource, FileFacts, FileType } from '../contract/content';
import { ConclaveError } from '../contract/errors';
import { codePointLength } from '../contract/text';
import { sha256 } from './digest';
import { type DocumentReader, ReadersBusy, ReadingTookTooLong } from './document-reader';
import type { ExtractionOutcome } from './extraction/outcome';
import { imageFactsOf } from './image-facts';
import { mayBeCalled, mediaTypeOf } from './media-type';
import { documentRefusal, type Field, refusal } from './refusal';

export interface ExaminerDependencies {
  readonly reader: Pick<DocumentReader, 'read'>;
  readonly settings: {
    readonly max_image_bytes: number;
    readonly max_image_pixels: number;
    readonly max_document_characters: number;
  };
}

export interface SentFile {
  readonly bytes: Buffer;
  readonly field: Field;
  /** What its sender says it is. */
  readonly declared: { readonly contentType: FileType | null; readonly mediaType: string };
  readonly withinMs: number;
}

/** A file as detectors get it: an image as it is, a document as its text. */
export interface Examined {
  readonly contentType: FileType;
  readonly body: Buffer;
  readonly source: ContentSource;
  readonly facts: FileFacts;
}

/** Finds out what a file is and whether it can be judged; what stands in it is taken out by others. */
export class Examiner {
  constructor(private readonly deps: ExaminerDependencies) {}

  /** @throws ConclaveError INVALID_REQUEST with the reason and the remedy; RATE_LIMITED; REQUEST_TIMEOUT */
  async examine(file: SentFile): Promise<Examined> {
    const { bytes, field, declared } = file;
    const found = mediaTypeOf(bytes);
    if (!found) throw documentRefusal(field, 'unsupported');
    if (declared.contentType !== null && declared.contentType !== found.contentType) {
      throw refusal(
        field,
        'content_type_mismatch',
        `is declared as ${declared.contentType} but is a file of type ${found.mediaType}: declare it as ${found.contentType}`,
      );
    }
    if (found.contentType === 'image') return this.#image(file, found.mediaType);
    if (found.mediaType === 'text/plain') return this.#plainText(file);
    return this.#document(file);
  }

  #image({ bytes, field, declared }: SentFile, mediaType: string): Examined {
    requireName(field, declared.mediaType, mediaType);
    const { max_image_bytes: maxBytes } = this.deps.settings;
    if (bytes.length > maxBytes) {
      throw refusal(
        field,
        'image_too_large',
        `the image has more than ${maxBytes} bytes: send a smaller one`,
      );
    }
    const facts = imageFactsOf(bytes);
    if (!facts) throw refusal(field, 'image_damaged', 'the image is damaged or was cut off: save it anew');
    const { width, height, animated } = facts;
    refuseTooManyPixels(field, facts, this.deps.settings.max_image_pixels);
    const gaps: ContentSource['gaps'] = animated ? ['frames'] : [];
    return {
      contentType: 'image',
      body: bytes,
      source: { digest: sha256(bytes), gaps },
      facts: {
        media_type: mediaType,
        width,
        height,
        pages: null,
        characters: null,
        not_extracted: [...gaps],
      },
    };
  }

  #plainText({ bytes, field, declared }: SentFile): Examined {
    requireName(field, declared.mediaType, 'text/plain');
    const text = new TextDecoder('utf-8').decode(bytes).trim();
    const { max_document_characters: max } = this.deps.settings;
    const gaps = text.length > max ? (['text'] as const) : [];
    return asDocument(bytes, field, {
      kind: 'text',
      media_type: 'text/plain',
      text: text.slice(0, max).toWellFormed(),
      pages: 1,
      gaps: [...gaps],
    });
  }

  async #document({ bytes, field, declared, withinMs }: SentFile): Promise<Examined> {
    const outcome = await this.#read(bytes, withinMs);
    if (outcome.kind === 'text') requireName(field, declared.mediaType, outcome.media_type);
    return asDocument(bytes, field, outcome);
  }

  async #read(bytes: Buffer, withinMs: number): Promise<ExtractionOutcome> {
    try {
      return await this.deps.reader.read(bytes, withinMs);
    } catch (error) {
      if (error instanceof ReadersBusy) {
        throw new ConclaveError('RATE_LIMITED', 'too many documents wait to be read; try again later', {
          detail: 'overloaded',
          retryAfterSeconds: 2,
        });
      }
      if (error instanceof ReadingTookTooLong) {
        throw new ConclaveError('REQUEST_TIMEOUT', 'the document could not be read in the time there was', {
          detail: 'document_too_slow',
        });
      }
      throw error;
    }
  }
}

/** @throws ConclaveError INVALID_REQUEST */
export function refuseTooManyPixels(
  field: Field,
  { width, height }: { readonly width: number; readonly height: number },
  maxPixels: number,
): void {
  if (width * height <= maxPixels) return;
  throw refusal(
    field,
    'image_too_large',
    `the image has ${width} by ${height} pixels: at most ${maxPixels} in all are decoded, so send a smaller one`,
  );
}

function requireName(field: Field, declared: string, found: string): void {
  if (mayBeCalled(declared, found)) return;
  throw refusal(
    field,
    'media_type_mismatch',
    `is sent as another media type than it has: it is ${found}; send it as that, or as application/octet-stream`,
  );
}

function asDocument(bytes: Buffer, field: Field, outcome: ExtractionOutcome): Examined {
  if (outcome.kind === 'refused') throw documentRefusal(field, outcome.reason);
  if (outcome.text.trim() === '') throw documentRefusal(field, 'without_text');
  const { text, gaps, pages, media_type } = outcome;
  return {
    contentType: 'document',
    body: Buffer.from(text),
    source: { digest: sha256(bytes), gaps },
    facts: {
      media_type,
      width: null,
      height: null,
      pages,
      characters: codePointLength(text),
      not_extracted: gaps,
    },
  };
}
