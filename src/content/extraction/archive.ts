import { buffer } from 'node:stream/consumers';
import { Transform, type TransformCallback } from 'node:stream';
import { type Entry, fromBuffer, type ZipFile } from 'yauzl';
import { type ExtractionLimits, RefusedDocument } from './outcome';

/**
 * The parts of an Office file, by their names in small letters: applications look them up in any. They are inflated one
 * at a time, and never to more than their limit together.
 */
export class Archive {
  #inflated = 0;

  private constructor(
    private readonly zip: ZipFile,
    private readonly entries: ReadonlyMap<string, Entry>,
    private readonly limits: ExtractionLimits,
  ) {}

  /** @throws RefusedDocument */
  static async open(bytes: Buffer, limits: ExtractionLimits): Promise<Archive> {
    try {
      const zip = await opened(bytes);
      if (zip.entryCount > limits.max_entries) throw new RefusedDocument('too_complex');
      return new Archive(zip, await entriesOf(zip), limits);
    } catch (error) {
      throw error instanceof RefusedDocument ? error : new RefusedDocument('damaged');
    }
  }

  get names(): string[] {
    return [...this.entries.keys()];
  }

  /** @throws RefusedDocument when there is no such part, or it cannot be read, or it is too large */
  async read(name: string): Promise<Buffer> {
    const entry = this.entries.get(name);
    if (!entry) throw new RefusedDocument('damaged');
    if (entry.isEncrypted()) throw new RefusedDocument('encrypted');
    try {
      const inflating = await this.#inflating(entry);
      const counted = new Transform({ transform: (chunk: Buffer, _, next) => this.#count(chunk, next) });
      inflating.once('error', (error: Error) => counted.destroy(error));
      counted.once('error', () => inflating.destroy());
      return await buffer(inflating.pipe(counted));
    } catch (error) {
      throw error instanceof RefusedDocument ? error : new RefusedDocument('damaged');
    }
  }

  #inflating(entry: Entry): Promise<NodeJS.ReadableStream & { destroy(): void }> {
    return new Promise((resolve, reject) => {
      this.zip.openReadStream(entry, (error, stream) => (error ? reject(error) : resolve(stream)));
    });
  }

  /** What an entry says of its own size is not believed. */
  #count(chunk: Buffer, next: TransformCallback): void {
    this.#inflated += chunk.length;
    if (this.#inflated > this.limits.max_inflated_bytes) next(new RefusedDocument('too_complex'));
    else next(null, chunk);
  }
}

function opened(bytes: Buffer): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    fromBuffer(bytes, { lazyEntries: true, autoClose: false }, (error, zip) =>
      error ? reject(error) : resolve(zip),
    );
  });
}

function entriesOf(zip: ZipFile): Promise<Map<string, Entry>> {
  return new Promise((resolve, reject) => {
    const entries = new Map<string, Entry>();
    zip.on('entry', (entry: Entry) => {
      const name = entry.fileName.toLowerCase();
      // Which of two of one name another reader takes nobody knows.
      if (entries.has(name)) {
        reject(new RefusedDocument('damaged'));
        return;
      }
      entries.set(name, entry);
      zip.readEntry();
    });
    zip.once('end', () => resolve(entries));
    zip.once('error', reject);
    zip.readEntry();
  });
}
