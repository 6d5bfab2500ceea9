import type { CompiledQuery } from 'kysely';
import { ProcessFigures } from '../../../src/store/process-figures';
import { scriptedDb } from './scripted-database';

interface Count {
  readonly count: number;
}

describe('The figures of a process', () => {
  let queries: CompiledQuery[];
  let fails: boolean;
  let figures: ProcessFigures<Count>;
  beforeEach(() => {
    queries = [];
    fails = false;
    const db = scriptedDb((query) => {
      queries.push(query);
      if (fails) throw new Error('connection lost');
      return [{ figures: { count: 7 } }];
    });
    figures = new ProcessFigures(db, (all) => Promise.resolve(all[0]!));
  });
  /** What each update set besides the time. */
  const written = () =>
    queries
      .filter(({ sql }) => sql.startsWith('update'))
      .map(({ sql, parameters }) => (sql.includes('"figures" =') ? parameters[0] : null));
  const write = (count: number) => figures.write('a', { count }, false).catch(() => undefined);

  it('are written when they have changed; else only that it lives', async () => {
    await figures.write('a', { count: 1 }, true);
    expect(queries[0]!.sql).toMatch(/^insert/);
    await write(1);
    await write(1);
    await write(2);
    expect(written()).toEqual([null, null, '{"count":2}']);
    for (const { sql } of queries.slice(1)) expect(sql).toContain('"written_at" = now()');
  });

  it('are written again when nobody knows whether they were', async () => {
    await figures.write('a', { count: 1 }, true);
    fails = true;
    await write(2);
    fails = false;
    await write(1);
    expect(written()).toEqual(['{"count":2}', '{"count":1}']);
  });

  it('of the others are read where they are written, not where processes wake each other', async () => {
    expect(await figures.ofOthers('a')).toEqual([{ count: 7 }]);
    expect(queries).toHaveLength(1);
  });
});
