import { byReference } from '../../../src/activities/by-reference';
import { RunInputs } from '../../../src/activities/run-inputs';
import type { Activities, MemberEnding } from '../../../src/activities/types';
import type { RunInput } from '../../../src/contract/plan';
import { planned, planOf } from '../domain/support';
import { memberOf } from '../workflows/samples';

const run = { run_id: 'run', facade_id: null };
const plan = planOf([planned('a'), planned('b')]);
const input: RunInput = { ...run, recovery: 0, plan, members: [memberOf('r1'), memberOf('r2')] };

describe('activities by reference', () => {
  let read: string[];
  let heard: Record<string, unknown>;
  let inputs: RunInputs;

  beforeEach(() => {
    read = [];
    heard = {};
    inputs = new RunInputs((runId) => {
      read.push(runId);
      return Promise.resolve(runId === 'run' ? input : null);
    });
  });

  const hears =
    (name: string) =>
    (given: unknown): Promise<never> => {
      heard[name] = given;
      return Promise.resolve({ unfinished_jobs: [], statuses: {} } as never);
    };
  const activities = () =>
    byReference(
      Object.fromEntries(
        ['detect', 'decide', 'map', 'publish'].map((name) => [name, hears(name)]),
      ) as unknown as Activities,
      inputs,
    );

  it('are given the detector and the members that the call names, in its order', async () => {
    await activities().detect({ run, detector: 'b', request_ids: ['r2', 'r1'] });
    expect(heard['detect']).toEqual({
      run,
      plan,
      detector: planned('b'),
      members: [memberOf('r2'), memberOf('r1')],
    });
  });

  it('are given plan and members for what comes after', async () => {
    await activities().decide({ run, members: [] });
    expect(heard['decide']).toEqual({ plan, members: [] });
    await activities().map({
      run,
      members: [{ request_id: 'r2', payload: {} as never, resolution_notes: null }],
    });
    expect(heard['map']).toMatchObject({ run, plan, members: [{ member: { request_id: 'r2' } }] });
    const ending = { coverage: 1 } as Omit<MemberEnding, 'member'>;
    await activities().publish({ run, endings: [{ ...ending, request_id: 'r1' }] });
    expect(heard['publish']).toMatchObject({ run, plan, endings: [{ coverage: 1, member: memberOf('r1') }] });
  });

  it('read a history once, and not at all when the run was launched here', async () => {
    const both = activities();
    await Promise.all([both.decide({ run, members: [] }), both.decide({ run, members: [] })]);
    await both.decide({ run, members: [] });
    expect(read).toEqual(['run']);
    inputs.put({ ...input, run_id: 'own' });
    await both.decide({ run: { ...run, run_id: 'own' }, members: [] });
    expect(read).toEqual(['run']);
  });

  it('fail when the history is gone, or knows no such member or detector', async () => {
    const gone = { run_id: 'gone', facade_id: null };
    await expect(activities().decide({ run: gone, members: [] })).rejects.toThrow('is gone');
    await expect(activities().detect({ run, detector: 'c', request_ids: [] })).rejects.toThrow('detector');
    await expect(activities().detect({ run, detector: 'a', request_ids: ['r9'] })).rejects.toThrow('member');
  });
});
