import { AuditLog, type AuditRow } from '../../../src/store/audit-log';
import { scriptedDb } from './scripted-database';

const row = (n: number): AuditRow => ({
  tenant_id: 'acme',
  request_id: `id-${n}`,
  kind: 'orchestration',
  record: { n, text: 'a "quoted" \\ text' },
});

interface Statement {
  readonly rows: AuditRow[];
  commit(): void;
  fail(error: Error): void;
}

/** Statements end when the test says so. */
function audit() {
  const statements: Statement[] = [];
  const db = scriptedDb(({ parameters }) => {
    return new Promise<unknown[]>((resolve, reject) => {
      const rows = JSON.parse(parameters[0] as string) as AuditRow[];
      statements.push({ rows, commit: () => resolve([]), fail: reject });
    });
  });
  return { log: new AuditLog(db), statements };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('The audit log', () => {
  it('writes the first row at once, and what comes meanwhile with the next statement', async () => {
    const { log, statements } = audit();
    const durable: number[] = [];
    const appends = [1, 2, 3].map((n) => log.append(row(n)).then(() => durable.push(n)));
    await settled();
    expect(statements.map(({ rows }) => rows)).toEqual([[row(1)]]);
    expect(durable).toEqual([]);
    statements[0]!.commit();
    await settled();
    expect(durable).toEqual([1]);
    expect(statements[1]!.rows).toEqual([row(2), row(3)]);
    statements[1]!.commit();
    await Promise.all(appends);
    expect(statements).toHaveLength(2);
  });

  it('tells all whose rows were lost, and goes on', async () => {
    const { log, statements } = audit();
    const first = log.append(row(1));
    const lost = [2, 3].map((n) => log.append(row(n)));
    await settled();
    statements[0]!.commit();
    await first;
    await settled();
    const later = log.append(row(4));
    statements[1]!.fail(new Error('no store'));
    for (const append of lost) await expect(append).rejects.toThrow('no store');
    await settled();
    statements[2]!.commit();
    await later;
    expect(statements[2]!.rows).toEqual([row(4)]);
  });

  it('writes no more than 500 rows in a statement', async () => {
    const { log, statements } = audit();
    const appends = Array.from({ length: 602 }, (_, n) => log.append(row(n)));
    for (let done = 0; done < 3; done++) {
      await settled();
      statements[done]!.commit();
    }
    await Promise.all(appends);
    expect(statements.map(({ rows }) => rows.length)).toEqual([1, 500, 101]);
  });
});
