import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** What is written outlasts a power failure; its name does when its folder {@link keepNames}. */
export function writeLasting(file: string, text: string, mode: number): void {
  synced(openSync(file, 'w', mode), (fd) => writeFileSync(fd, text));
}

/** What was made, renamed or linked in a folder stays there after a power failure. */
export function keepNames(folder: string): void {
  synced(openSync(folder, 'r'), () => undefined);
}

/**
 * A file for its owner alone, in a folder that is made for it. Of several processes that start at once, the first to
 * link its finished file into place has made that of all.
 */
export function makeOnce(file: string, text: string): void {
  const folder = path.dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  keepNames(path.dirname(folder));
  const own = `${file}.${process.pid}`;
  writeLasting(own, text, 0o600);
  try {
    linkSync(own, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(own);
  }
  keepNames(folder);
}

function synced(fd: number, work: (fd: number) => void): void {
  try {
    work(fd);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
