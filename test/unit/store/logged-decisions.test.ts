import { DatabaseError } from 'pg';
import type { LoggedDecision } from '../../../src/contract/decision-log';
import { LoggedDecisions } from '../../../src/store/logged-decisions';
import { loggedDecision } from '../policy/samples';
import { scriptedDb } from './scripted-database';

/** A table that takes no row with the word `poison`, as a database does that reads a NUL. */
function table(code = '22P05') {
  const rows: LoggedDecision[] = [];
  const db = scriptedDb(({ parameters: [json] }) => {
    if (/poison/.test(json as string))
      throw Object.assign(new DatabaseError('refused', 7, 'error'), { code });
    rows.push(...(JSON.parse(json as string) as LoggedDecision[]));
    return [];
  });
  return { rows, decisions: new LoggedDecisions(db) };
}

describe('the table of decisions', () => {
  const [before, after] = [loggedDecision(), loggedDecision()];
  const failed = { outcome: 'trap', result: null } as const;

  it('takes all others when the database refuses one, and of that what is not the policy’s', async () => {
    const { rows, decisions } = table();
    const poisonous = loggedDecision({ ...failed, detail: 'poison' });
    const wordy = loggedDecision({ result: { selection_reason: 'poison' } });
    await decisions.append([before, poisonous, wordy, after]);
    const detail = 'the database refused what the policy said';
    expect(rows).toEqual([before, { ...poisonous, detail }, { ...wordy, result: {}, detail }, after]);
  });

  it('takes one that stands alone', async () => {
    const { rows, decisions } = table();
    await decisions.append([loggedDecision({ ...failed, detail: 'poison' })]);
    expect(rows).toHaveLength(1);
  });

  it('leaves them all to a later try when the database is away', async () => {
    const { rows, decisions } = table('57P01');
    await expect(decisions.append([before, loggedDecision({ detail: 'poison' })])).rejects.toThrow('refused');
    expect(rows).toEqual([]);
  });
});
