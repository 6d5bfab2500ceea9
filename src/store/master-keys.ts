import { hkdfSync, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { keepNames, makeOnce, writeLasting } from './lasting-file';

const keyBytes = 32;
/** So often at most a file is looked at for a key that is not known. */
const lookEveryMs = 1000;

/** What was encrypted needs a master key that this process does not hold. */
export class MasterKeyError extends Error {
  override readonly name = 'MasterKeyError';
  constructor() {
    super(
      'What the database holds was encrypted under another master key.\n' +
        '  Remedy: give every process the same ORCHESTRATION_SECURITY__MASTER_KEY or _MASTER_KEY_FILE, or put keys/master.key back in the data folder',
    );
  }
}

/** Where master keys come from: the settings, a file that somebody else keeps, or one that is made on the first start. */
export interface MasterKeySettings {
  readonly configured: string | null;
  readonly file: string | null;
  readonly dataDir: string;
}

/**
 * The keys that wrap all others, as this process holds them. Which of them is in use is in the store, the same for
 * every process; so a key may come here before it is used, and stay after it was.
 */
export class MasterKeys {
  #keys: ReadonlyMap<string, Buffer>;
  #lookedAt = -Infinity;

  /** @param read all of them, again and again where they may change */
  constructor(
    private readonly read: () => readonly Buffer[],
    private readonly ownFile: string | null = null,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#keys = byId(read());
  }

  /** @throws Error for one that is not 32 bytes of base64 */
  static of({ configured, file, dataDir }: MasterKeySettings): MasterKeys {
    if (configured !== null) {
      const keys = decode(configured, 'security.master_key');
      return new MasterKeys(() => keys);
    }
    if (file !== null) return new MasterKeys(() => decode(readFileSync(file, 'utf8'), file));
    const own = path.join(dataDir, 'keys', 'master.key');
    if (!existsSync(own)) makeOnce(own, `${randomBytes(keyBytes).toString('base64')}\n`);
    return new MasterKeys(() => decode(readFileSync(own, 'utf8'), own), own);
  }

  /** Whether {@link add} makes one. */
  get canAdd(): boolean {
    return this.ownFile !== null;
  }

  /** Ids in the order of their places. */
  get ids(): readonly string[] {
    return [...this.#keys.keys()];
  }

  /** A key that has come since is found. */
  find(id: string): Buffer | null {
    if (!this.#keys.has(id)) this.#look();
    return this.#keys.get(id) ?? null;
  }

  /** @throws MasterKeyError */
  get(id: string): Buffer {
    const key = this.find(id);
    if (key === null) throw new MasterKeyError();
    return key;
  }

  /** Looks for keys that have come or gone; what cannot be read leaves what is known. */
  reread(): void {
    try {
      this.#keys = byId(this.read());
    } catch {
      // A file that is being replaced is there a moment later.
    }
  }

  /**
   * Makes another key, where the file is our own. The database keeps what it wraps, so the file must be as lasting.
   * @returns its id; null where keys are given to us
   */
  add(): string | null {
    if (this.ownFile === null) return null;
    const key = randomBytes(keyBytes);
    const text = `${readFileSync(this.ownFile, 'utf8').trim()}\n${key.toString('base64')}\n`;
    const fresh = `${this.ownFile}.${process.pid}`;
    writeLasting(fresh, text, statSync(this.ownFile).mode & 0o777);
    renameSync(fresh, this.ownFile);
    keepNames(path.dirname(this.ownFile));
    this.reread();
    return masterKeyId(key);
  }

  #look(): void {
    if (this.now() - this.#lookedAt < lookEveryMs) return;
    this.#lookedAt = this.now();
    this.reread();
  }
}

/** Names a key and tells nothing of it. */
export function masterKeyId(key: Buffer): string {
  return Buffer.from(hkdfSync('sha256', key, '', 'conclave/master-key-id', 8)).toString('hex');
}

function byId(keys: readonly Buffer[]): ReadonlyMap<string, Buffer> {
  return new Map(keys.map((key) => [masterKeyId(key), key]));
}

/** One or more, apart by white space or commas. */
function decode(text: string, where: string): Buffer[] {
  return text
    .trim()
    .split(/[\s,]+/)
    .map((one) => decodeOne(one, where));
}

function decodeOne(text: string, where: string): Buffer {
  const key = Buffer.from(text, 'base64');
  if (key.length !== keyBytes) {
    throw new Error(
      `${where} must be ${keyBytes} bytes in base64 (make one with: openssl rand -base64 ${keyBytes})`,
    );
  }
  return key;
}
