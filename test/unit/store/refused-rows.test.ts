import fc from 'fast-check';
import { DatabaseError } from 'pg';
import { isRefusal, writeApart } from '../../../src/store/refused-rows';

function refusal(code: string): DatabaseError {
  return Object.assign(new DatabaseError('refused', 7, 'error'), { code });
}

describe('a refusal', () => {
  it.each(['22P05', '22021', '23514', '54000'])('is %s: the rows are to blame', (code) => {
    expect(isRefusal(refusal(code))).toBe(true);
  });

  it.each(['57P01', '40001', '53300', '08006'])('is not %s: the database is', (code) => {
    expect(isRefusal(refusal(code))).toBe(false);
  });

  it('is nothing that did not come from the database', () => {
    expect(isRefusal(Object.assign(new Error('mine'), { code: '22P05' }))).toBe(false);
  });
});

describe('writeApart', () => {
  const standIn = (row: string) => `stand-in ${row}`;

  it('writes every row once, in order, with stand-ins for those refused and no others', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), async (bad) => {
        const rows = bad.map((isBad, index) => `${isBad ? 'bad' : 'good'} ${index}`);
        const stored: string[] = [];
        const write = (some: readonly string[]): Promise<string[]> => {
          if (some.some((row) => row.startsWith('bad'))) return Promise.reject(refusal('22P05'));
          stored.push(...some);
          return Promise.resolve(some.map((row) => `written ${row}`));
        };
        const expected = rows.map((row) => (row.startsWith('bad') ? standIn(row) : row));
        // Called only once the whole was refused; a single row is its own culprit.
        fc.pre(rows.length > 1 || bad[0]!);
        expect(await writeApart(rows, write, standIn)).toEqual(expected.map((row) => `written ${row}`));
        expect(stored).toEqual(expected);
      }),
    );
  });

  it('does not take an outage for a refusal', async () => {
    let writes = 0;
    const write = () => {
      writes++;
      return Promise.reject(refusal('57P01'));
    };
    await expect(writeApart(['a', 'b'], write, standIn)).rejects.toThrow('refused');
    expect(writes).toBe(1);
  });

  it('fails when a stand-in is refused too', async () => {
    await expect(writeApart(['a'], () => Promise.reject(refusal('22P05')), standIn)).rejects.toThrow(
      'refused',
    );
  });
});
