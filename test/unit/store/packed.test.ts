import { packed } from '../../../src/store/packed';

describe('Buffers in one parameter', () => {
  it('are found again by place and length, as PostgreSQL counts', () => {
    const { pack, places } = packed([Buffer.from('one'), Buffer.alloc(0), Buffer.from('three')]);
    expect(pack.toString()).toBe('onethree');
    expect(places).toEqual([
      { bytes_from: 1, bytes_length: 3 },
      { bytes_from: 4, bytes_length: 0 },
      { bytes_from: 4, bytes_length: 5 },
    ]);
  });

  it('may be none', () => {
    expect(packed([])).toEqual({ pack: Buffer.alloc(0), places: [] });
  });
});
