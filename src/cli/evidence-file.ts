import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import type { EvidenceFile } from '../contract/evidence';
import type { DescribedFile } from '../contract/signed-report';

/** A file that is written a page at a time, and described when it is done. */
export class GrowingFile {
  readonly #digest = createHash('sha256');
  #bytes = 0;
  #records = 0;

  private constructor(
    private readonly name: EvidenceFile,
    private readonly handle: FileHandle,
  ) {}

  static async in(folder: string, name: EvidenceFile): Promise<GrowingFile> {
    return new GrowingFile(name, await open(path.join(folder, name), 'wx', 0o600));
  }

  /** Each becomes a line. */
  async add(records: readonly object[]): Promise<void> {
    if (records.length === 0) return;
    await this.#write(records.map((record) => `${JSON.stringify(record)}\n`).join(''), records.length);
  }

  async end(): Promise<DescribedFile & { readonly name: EvidenceFile }> {
    await this.handle.close();
    const sha256 = this.#digest.digest('hex');
    return { name: this.name, records: this.#records, bytes: this.#bytes, sha256 };
  }

  /** One that is a document as a whole. */
  static async of(folder: string, name: EvidenceFile, document: object) {
    const file = await GrowingFile.in(folder, name);
    await file.#write(`${JSON.stringify(document, null, 2)}\n`, 1);
    return file.end();
  }

  async #write(text: string, records: number): Promise<void> {
    const bytes = Buffer.from(text);
    this.#digest.update(bytes);
    this.#bytes += bytes.length;
    this.#records += records;
    await this.handle.writeFile(bytes);
  }
}

/** No record comes near it. */
const longestLine = 16 * 1024 * 1024;
const lineFeed = 0x0a;

/** A file as it lies there. @param onLine is given each line, where it is asked for them */
export async function examined(
  file: string,
  onLine?: (line: string, number: number) => void,
): Promise<{ readonly bytes: number; readonly lines: number; readonly sha256: string }> {
  const digest = createHash('sha256');
  let [bytes, lines] = [0, 0];
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    digest.update(chunk);
    bytes += chunk.length;
    rest = Buffer.concat([rest, chunk]);
    let begin = 0;
    for (let end = rest.indexOf(lineFeed); end !== -1; end = rest.indexOf(lineFeed, begin)) {
      lines += 1;
      onLine?.(rest.toString('utf8', begin, end), lines);
      begin = end + 1;
    }
    rest = rest.subarray(begin);
    if (rest.length > longestLine) throw new Error(`${path.basename(file)}: line ${lines + 1} has no end`);
  }
  return { bytes, lines, sha256: digest.digest('hex') };
}
