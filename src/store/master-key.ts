import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const keyBytes = 32;

/**
 * The key that wraps all others: from the settings, else a file of its own that is made on the first start.
 * @throws when it is not 32 bytes of base64
 */
export function loadMasterKey(configured: string | null, dataDir: string): Buffer {
  if (configured !== null) return decode(configured, 'security.master_key');
  const file = path.join(dataDir, 'keys', 'master.key');
  if (existsSync(file)) return decode(readFileSync(file, 'utf8').trim(), file);
  makeOnce(file);
  return decode(readFileSync(file, 'utf8').trim(), file);
}

/** Of several processes that start at once, the first to link its finished file into place has made the key of all. */
function makeOnce(file: string): void {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const own = `${file}.${process.pid}`;
  writeFileSync(own, `${randomBytes(keyBytes).toString('base64')}\n`, { mode: 0o600 });
  try {
    linkSync(own, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(own);
  }
}

function decode(text: string, where: string): Buffer {
  const key = Buffer.from(text, 'base64');
  if (key.length !== keyBytes) {
    throw new Error(
      `${where} must be ${keyBytes} bytes in base64 (make one with: openssl rand -base64 ${keyBytes})`,
    );
  }
  return key;
}
