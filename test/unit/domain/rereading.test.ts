import { Rereading } from '../../../src/domain/rereading';

function readings() {
  const open: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const rereading = new Rereading(() => new Promise((resolve, reject) => open.push({ resolve, reject })));
  return { rereading, open };
}

/** As many turns as any of its promises takes. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('Rereading', () => {
  it('reads once more for all who ask while it reads', async () => {
    const { rereading, open } = readings();
    const first = rereading.refresh();
    const meanwhile = [rereading.refresh(), rereading.refresh()];
    open[0]!.resolve();
    await first;
    await settled();
    expect(open).toHaveLength(2);
    open[1]!.resolve();
    await Promise.all(meanwhile);
    await settled();
    expect(open).toHaveLength(2);
  });

  it('has nobody wait for more than the next reading, however many go on asking', async () => {
    const { rereading, open } = readings();
    const first = rereading.refresh();
    const second = rereading.refresh();
    open[0]!.resolve();
    await first;
    await settled();
    const third = rereading.refresh();
    open[1]!.resolve();
    await second;
    await settled();
    expect(open).toHaveLength(3);
    open[2]!.resolve();
    await third;
  });

  it('tells those who ask meanwhile of their own reading, not of the one that failed before', async () => {
    const { rereading, open } = readings();
    const first = rereading.refresh();
    const second = rereading.refresh();
    open[0]!.reject(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    await settled();
    open[1]!.resolve();
    await expect(second).resolves.toBeUndefined();
  });

  it('catches up without throwing, and tells of failures once until one reading succeeds', async () => {
    const told: unknown[] = [];
    let fault: Error | null = new Error('gone');
    const rereading = new Rereading(
      async () => {
        if (fault) throw fault;
      },
      (error) => told.push(error),
    );
    await rereading.catchUp();
    await rereading.catchUp();
    expect(told).toEqual([fault]);
    fault = null;
    await rereading.catchUp();
    fault = new Error('gone again');
    await rereading.catchUp();
    expect(told).toEqual([new Error('gone'), fault]);
  });
});
