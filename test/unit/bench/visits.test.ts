import { cellsOf, rowNames, visitsOf } from '../../../bench/visits';

const numbers = [1, 64, 256];

describe('cellsOf', () => {
  const cells = cellsOf(rowNames, numbers, false);
  const clientsOf = (name: string) => cells.filter(({ row }) => row === name).map(({ clients }) => clients);

  it.each([
    { row: 'bare', clients: numbers },
    { row: 'conclave', clients: numbers },
    { row: 'unshared', clients: numbers },
    { row: 'textbook', clients: [1, 64] },
    { row: 'mapped', clients: [256] },
  ])('measures $row at $clients clients', ({ row, clients }) => {
    expect(clientsOf(row)).toEqual(clients);
  });

  it('leaves out, when quick, what takes long', () => {
    const all = cellsOf(rowNames, [1, 16, 64, 256], true);
    const left = cellsOf(rowNames, [1, 16, 64, 256], false).filter(
      ({ row, clients }) => !all.some((cell) => cell.row === row && cell.clients === clients),
    );
    expect(left.map(({ row, clients }) => `${row} ${clients}`)).toEqual([
      'unshared 16',
      'textbook 64',
      'unshared 64',
    ]);
  });

  it('measures mapping at the most clients there are', () => {
    expect(cellsOf(['mapped'], [4, 8], false)).toEqual([{ row: 'mapped', clients: 8 }]);
  });

  it('measures a peer as it does bare', () => {
    expect(cellsOf(['fms'], [1, 256], true)).toEqual([
      { row: 'fms', clients: 1 },
      { row: 'fms', clients: 256 },
    ]);
  });
});

describe('visitsOf', () => {
  const rounds = 2;
  const cells = cellsOf(rowNames, numbers, false);
  const visits = visitsOf(cells, rounds);

  it('gives all the same time, but a run each only once', () => {
    for (const { row, clients } of cells) {
      const windows = visits
        .filter((visit) => visit.row === row && visit.clients === clients)
        .reduce((sum, visit) => sum + visit.windows, 0);
      expect({ row, clients, windows }).toEqual({
        row,
        clients,
        windows: row === 'unshared' ? 1 : 2 * rounds,
      });
    }
  });

  it('goes there and back at each number of clients', () => {
    const crowd = visits.slice(0, 5).map(({ row, clients, windows }) => `${row} ${clients} x ${windows}`);
    expect(crowd).toEqual(['bare 1 x 1', 'conclave 1 x 1', 'textbook 1 x 2', 'conclave 1 x 1', 'bare 1 x 1']);
  });

  it('comes last to those who leave work behind, with the most clients at the end', () => {
    expect(visits.slice(-3).map(({ row, clients }) => `${row} ${clients}`)).toEqual([
      'unshared 1',
      'unshared 64',
      'unshared 256',
    ]);
    expect(visits.slice(0, -3).map(({ row }) => row)).not.toContain('unshared');
  });
});
