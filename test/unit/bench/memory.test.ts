import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { descends, watchMemory } from '../../../bench/memory';

describe('descends', () => {
  const parents = new Map([
    [5, 1],
    [6, 5],
    [7, 6],
    [8, 1],
  ]);

  it.each([
    { pid: 5, below: true },
    { pid: 7, below: true },
    { pid: 8, below: false },
    { pid: 1, below: false },
    { pid: 99, below: false },
  ])('says of $pid that it is below 5: $below', ({ pid, below }) => {
    expect(descends(pid, 5, parents)).toBe(below);
  });
});

const onLinux = process.platform === 'linux' ? describe : describe.skip;

onLinux('watchMemory', () => {
  const start = async (script: string) => {
    const child = spawn(process.execPath, [
      '-e',
      `${script}; console.log('ready'); setInterval(() => 0, 1e6)`,
    ]);
    await once(child.stdout, 'data');
    return child;
  };

  it('sees what a process keeps in memory', async () => {
    const [small, large] = await Promise.all([start(''), start('globalThis.kept = Buffer.alloc(200e6, 1)')]);
    const peaks = [small, large].map(({ pid }) => watchMemory(pid!).peakMb()!);
    small.kill();
    large.kill();
    expect(peaks[0]).toBeGreaterThan(5);
    expect(peaks[1]! - peaks[0]!).toBeGreaterThan(150);
  });
});
