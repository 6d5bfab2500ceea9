import { Ration } from '../../../src/security/ration';

describe('A ration', () => {
  it('gives so many in a time, and says with the next how many were refused', () => {
    let now = 0;
    const ration = new Ration(2, 1000, () => now);
    expect([ration.take(), ration.take(), ration.take(), ration.take()]).toEqual([0, 0, null, null]);
    now = 1000;
    expect([ration.take(), ration.take(), ration.take()]).toEqual([2, 0, null]);
  });
});
