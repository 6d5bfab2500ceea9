import { inTurns } from '../../../src/domain/in-turns';

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('inTurns', () => {
  it.each([0, 1, 5])(
    'works on all of %i items, and gives what comes of them in their order',
    async (count) => {
      const items = Array.from({ length: count }, (_, index) => index);
      const doubled = inTurns(items, 2, async (item) => {
        for (let waited = item; waited < count; waited++) await turn();
        return 2 * item;
      });
      expect(await doubled).toEqual(items.map((item) => 2 * item));
    },
  );

  it('fails when one does', async () => {
    const failing = inTurns([1, 2, 3], 2, async (item) => {
      if (item === 2) throw new Error('two');
    });
    await expect(failing).rejects.toThrow('two');
  });
});
