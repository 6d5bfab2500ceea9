import { closeSync, fsyncSync, openSync, writeFileSync } from 'node:fs';

/** What is written outlasts a power failure; its name does when its folder {@link keepNames}. */
export function writeLasting(file: string, text: string, mode: number): void {
  synced(openSync(file, 'w', mode), (fd) => writeFileSync(fd, text));
}

/** What was made, renamed or linked in a folder stays there after a power failure. */
export function keepNames(folder: string): void {
  synced(openSync(folder, 'r'), () => undefined);
}

function synced(fd: number, work: (fd: number) => void): void {
  try {
    work(fd);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
