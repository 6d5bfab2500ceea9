import { randomUUID } from 'node:crypto';
import type { DecidedOutcome } from '../../../src/contract/decided-outcome';
import type { Shadow } from '../../../src/contract/shadow';
import type { Simulated } from '../../../src/domain/simulation-comparison';
import type { ReplayedRecord } from '../../../src/domain/simulation-report';
import type { Missed } from '../../../src/store/policy-shadows';
import { Shadowing, type ShadowResult } from '../../../src/submission/shadowing';
import { eventually } from '../../support/eventually';

const shadow: Shadow = {
  shadowId: 's1',
  tenantId: 'acme',
  bundle: 'chat',
  version: '1.1',
  digest: 'd',
  percent: 100,
  startedAt: new Date(0),
  startedBy: 'ann',
  expiresAt: new Date(1),
  endedAt: null,
};
const outcome: DecidedOutcome = {
  verdict: { kind: 'adverse', label: 'toxic', detector: 'a' },
  status: 200,
  coverage: 1,
  coverage_met: true,
  asked: ['a'],
  failure_actions: [],
  fell_back: false,
};
const same: Simulated = { kind: 'decided', outcome, unknown: [] };
const run = (requestId: string = randomUUID()) => ({
  tenantId: 'acme',
  bundle: 'chat',
  requestId,
  receivedAt: new Date(0),
  record: JSON.stringify({ content_type: 'text', results: [], outcome }),
});

function world(overrides: Partial<ConstructorParameters<typeof Shadowing>[0]> = {}) {
  const added: { missed: Missed; counted: readonly ReplayedRecord[] }[] = [];
  const counted: ShadowResult[] = [];
  const errors: string[] = [];
  const shadowing = new Shadowing({
    running: () => shadow,
    judge: async () => same,
    add: async (_shadow, missed, records) => void added.push({ missed, counted: records }),
    count: (_shadow, results) => void counted.push(...results),
    pressed: () => false,
    log: { error: (_fields, message) => errors.push(message) },
    ...overrides,
  });
  return { shadowing, added, counted, errors };
}

describe('Shadowing', () => {
  it('judges after its caller has gone on, and counts for good', async () => {
    const { shadowing, added, counted } = world();
    shadowing.offer(run());
    expect([added, counted]).toEqual([[], []]);
    await shadowing.settled();
    await shadowing.stop();
    expect(counted).toEqual(['unchanged']);
    expect(added).toMatchObject([{ missed: { dropped: 0, failed: 0 }, counted: [{ contentType: 'text' }] }]);
  });

  it('judges nothing where no shadow runs', async () => {
    const { shadowing, added } = world({ running: () => null });
    shadowing.offer(run());
    await shadowing.stop();
    expect(added).toEqual([]);
  });

  it('judges the same share of requests wherever it is asked', async () => {
    const ids = Array.from({ length: 2000 }, () => randomUUID());
    const judgedBy = async () => {
      const seen: string[] = [];
      const { shadowing } = world({
        running: () => ({ ...shadow, percent: 25 }),
        judge: async (_shadow, requestId) => (seen.push(requestId), same),
      });
      for (const id of ids) shadowing.offer(run(id));
      await shadowing.settled();
      await shadowing.stop();
      return seen;
    };
    const [first, second] = [await judgedBy(), await judgedBy()];
    expect(second).toEqual(first);
    expect(first.length).toBeGreaterThan(350);
    expect(first.length).toBeLessThan(650);
  });

  it('drops what it cannot keep up with, and says how much', async () => {
    const { shadowing, added, counted } = world();
    for (let n = 0; n < 1200; n++) shadowing.offer(run());
    expect(counted).toEqual(Array.from({ length: 200 }, () => 'dropped'));
    await shadowing.settled();
    await shadowing.stop();
    expect(added[0]).toMatchObject({ missed: { dropped: 200 }, counted: { length: 1000 } });
  });

  it('leaves a process alone that has enough to do', async () => {
    const { shadowing, added } = world({ pressed: () => true });
    shadowing.offer(run());
    await shadowing.stop();
    expect(added).toEqual([{ missed: { dropped: 1, failed: 0 }, counted: [] }]);
  });

  it('goes on after a request that it broke down over', async () => {
    let calls = 0;
    const { shadowing, added, counted, errors } = world({
      judge: async () => {
        if (++calls === 1) throw new Error('a bug');
        return same;
      },
    });
    for (let n = 0; n < 3; n++) shadowing.offer(run());
    await shadowing.settled();
    await shadowing.stop();
    expect(counted).toEqual(['failed', 'unchanged', 'unchanged']);
    expect(added).toMatchObject([{ missed: { failed: 1 }, counted: { length: 2 } }]);
    expect(errors).toHaveLength(1);
  });

  it('loses nothing that is judged while it stores what was', async () => {
    const asked: ((simulated: Simulated) => void)[] = [];
    const { shadowing, added } = world({ judge: () => new Promise((resolve) => asked.push(resolve)) });
    shadowing.offer(run());
    shadowing.offer(run());
    for (const count of [1, 2]) {
      await eventually(
        () => asked.length,
        (length) => length === count,
      );
      await shadowing.flush();
      asked[count - 1]!(same);
    }
    await shadowing.settled();
    await shadowing.stop();
    expect(added.flatMap(({ counted }) => counted)).toHaveLength(2);
  });

  it('keeps what the store does not take, and gives it again', async () => {
    let away = true;
    const added: number[] = [];
    const { shadowing, errors } = world({
      add: async (_shadow, _missed, { length }) => {
        if (away) throw new Error('no store');
        added.push(length);
      },
    });
    shadowing.offer(run());
    await shadowing.settled();
    await shadowing.flush();
    shadowing.offer(run());
    await shadowing.settled();
    await shadowing.flush();
    away = false;
    await shadowing.stop();
    expect(added).toEqual([2]);
    expect(errors).toHaveLength(1);
  });
});
