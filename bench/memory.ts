import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const everyMs = 200;

export interface MemoryWatch {
  /** Ends the watch. @returns the largest sum seen, in MiB; null where there is no /proc */
  peakMb(): number | null;
}

/** Watches the memory (resident set) of the Node.js processes below `root`, itself included; servers it runs do not count. */
export function watchMemory(root: number): MemoryWatch {
  let peak: number | null = null;
  const look = () => {
    const now = nodeMemoryMb(root);
    if (now !== null) peak = Math.max(peak ?? 0, now);
  };
  look();
  const timer = setInterval(look, everyMs);
  return {
    peakMb() {
      clearInterval(timer);
      look();
      return peak;
    },
  };
}

function nodeMemoryMb(root: number): number | null {
  const processes = listProcesses();
  if (processes === null) return null;
  const parents = new Map(processes.map(({ pid, parent }) => [pid, parent]));
  return processes
    .filter(({ pid }) => descends(pid, root, parents) && isNode(pid))
    .reduce((sum, { pid }) => sum + residentMb(pid), 0);
}

/** True for `root` itself and for all below it. */
export function descends(pid: number, root: number, parents: ReadonlyMap<number, number>): boolean {
  for (let at: number | undefined = pid; at !== undefined && at > 0; at = parents.get(at)) {
    if (at === root) return true;
  }
  return false;
}

function listProcesses(): { pid: number; parent: number }[] | null {
  if (process.platform !== 'linux') return null;
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      const parent = /^PPid:\s+(\d+)$/m.exec(statusOf(Number(entry)))?.[1];
      return parent === undefined ? [] : [{ pid: Number(entry), parent: Number(parent) }];
    });
}

function residentMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(statusOf(pid))?.[1] ?? 0) / 1024;
}

function isNode(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`) === process.execPath;
  } catch {
    return false;
  }
}

/** Empty when the process is gone. */
function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}
