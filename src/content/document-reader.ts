import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type ExtractionLimits, type ExtractionOutcome, extractionOutcomeSchema } from './extraction/outcome';

export interface DocumentReaderOptions {
  readonly limits: ExtractionLimits;
  /** Of one reading process, MiB; where the system tells, all of its memory, else its heap. */
  readonly memoryMb: number;
  readonly maxConcurrent: number;
  readonly maxWaiting: number;
}

/** Too many documents wait to be read already, or there is no process to be had. */
export class ReadersBusy extends Error {
  override readonly name = 'ReadersBusy';
}

/** The caller's time was up before the document was read. */
export class ReadingTookTooLong extends Error {
  override readonly name = 'ReadingTookTooLong';
}

const watchMs = 50;
/** A code point in JSON takes at most so many bytes; what is beside the text is small. */
const bytesPerCharacter = 6;
const envelopeBytes = 4096;

/**
 * Reads documents in processes of their own, one each, which may read nothing but their own code, start nothing, connect
 * to nobody, and are killed when they use up their time, memory or output: parsers of untrusted files hang, grow and crash.
 */
export class DocumentReader {
  #running = 0;
  #stopped = false;
  readonly #waiting: (() => void)[] = [];
  readonly #children = new Set<ChildProcess>();

  constructor(private readonly options: DocumentReaderOptions) {}

  /**
   * @param withinMs waiting for a free process included
   * @throws ReadersBusy, ReadingTookTooLong
   */
  async read(bytes: Buffer, withinMs: number): Promise<ExtractionOutcome> {
    if (withinMs <= 0) throw new ReadingTookTooLong();
    const deadline = AbortSignal.timeout(Math.max(1, Math.floor(withinMs)));
    await this.#turn(deadline);
    try {
      return await this.#readInChild(bytes, deadline);
    } finally {
      this.#leave();
    }
  }

  /** Who is read or waits is told ReadersBusy. */
  stop(): void {
    this.#stopped = true;
    for (const child of this.#children) kill(child);
  }

  async #turn(deadline: AbortSignal): Promise<void> {
    const { maxConcurrent, maxWaiting } = this.options;
    if (this.#running < maxConcurrent) {
      this.#running++;
    } else {
      if (this.#waiting.length >= maxWaiting) throw new ReadersBusy();
      await this.#place(deadline);
    }
  }

  /** The place goes straight to who waits: freed first, a newcomer could take it as well. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running--;
  }

  #place(deadline: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const called = () => {
        deadline.removeEventListener('abort', late);
        resolve();
      };
      const late = () => {
        this.#waiting.splice(this.#waiting.indexOf(called), 1);
        reject(new ReadingTookTooLong());
      };
      this.#waiting.push(called);
      deadline.addEventListener('abort', late, { once: true });
    });
  }

  async #readInChild(bytes: Buffer, deadline: AbortSignal): Promise<ExtractionOutcome> {
    if (deadline.aborted) throw new ReadingTookTooLong();
    if (this.#stopped) throw new ReadersBusy();
    const { limits, memoryMb } = this.options;
    const parameters = [...flags(memoryMb), childFile, JSON.stringify(limits)];
    const child: ChildProcess = spawn(process.execPath, parameters, {
      // Not a word of what a parser prints is looked at, nor of our environment given.
      stdio: ['pipe', 'pipe', 'ignore'],
      env: {},
      cwd: path.parse(childFile).root,
    });
    // Out of file handles there is a child without streams, which says so on the next tick.
    const output = outputOf(child, limits.max_characters * bytesPerCharacter + envelopeBytes);
    this.#children.add(child);
    const end = () => kill(child);
    deadline.addEventListener('abort', end, { once: true });
    const watch = setInterval(() => void killWhenLarge(child, memoryMb), watchMs);
    try {
      // It may die before it has read all.
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(bytes);
      const said = await output;
      if (deadline.aborted) throw new ReadingTookTooLong();
      if (said === null && this.#stopped) throw new ReadersBusy();
      return said === null ? { kind: 'refused', reason: 'too_complex' } : parsed(said);
    } finally {
      clearInterval(watch);
      deadline.removeEventListener('abort', end);
      this.#children.delete(child);
      end();
    }
  }
}

const compiledChild = path.join(__dirname, 'extraction', 'child.js');
const isCompiled = existsSync(compiledChild);
const childFile = isCompiled ? compiledChild : path.join(__dirname, 'extraction', 'child.ts');

function flags(memoryMb: number): string[] {
  const memory = [`--max-old-space-size=${memoryMb}`, '--disable-warning=ExperimentalWarning'];
  // Straight from TypeScript (jest, tsx) the compiler must be found and run.
  if (!isCompiled) return [...memory, '--import', require.resolve('tsx')];
  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission';
  const root = path.resolve(__dirname, '..');
  const readable = [
    path.join(root, 'content', '*'),
    path.join(root, 'contract', '*'),
    path.join(root, '..', 'node_modules', '*'),
  ];
  return [...memory, permission, ...readable.map((folder) => `--allow-fs-read=${folder}`)];
}

/**
 * @returns null when it died of what it read, or said more than there can be to say
 * @throws ReadersBusy when it could not be started
 */
function outputOf(child: ChildProcess, maxBytes: number): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    child.stdout?.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > maxBytes) kill(child);
    });
    child.once('error', () => reject(new ReadersBusy()));
    child.once('close', (code) => resolve(code === 0 ? Buffer.concat(chunks).toString() : null));
  });
}

function parsed(said: string): ExtractionOutcome {
  try {
    return extractionOutcomeSchema.parse(JSON.parse(said));
  } catch {
    return { kind: 'refused', reason: 'damaged' };
  }
}

/** One that never started has no process to end; asked to all the same, the system may look for one elsewhere. */
function kill(child: ChildProcess): void {
  if (child.pid !== undefined) child.kill('SIGKILL');
}

const pageBytes = 4096;

/** Buffers are outside the heap that Node bounds by itself. */
async function killWhenLarge(child: ChildProcess, memoryMb: number): Promise<void> {
  try {
    const [, resident] = (await readFile(`/proc/${child.pid}/statm`, 'latin1')).split(' ');
    if (Number(resident) * pageBytes > memoryMb * 1024 * 1024) kill(child);
  } catch {
    // It has ended, or this system does not tell.
  }
}
