import { createHash } from 'node:crypto';
import type { Waiting } from '../../support/company';
import { eventually } from '../../support/eventually';
import { held } from '../../support/fake-detectors';
import { System } from '../../support/system';
import { settled } from '../recovery/support';
import {
  answersOf,
  boarded,
  expectShared,
  installation,
  neighborContents,
  normalized,
  referenceOf,
  rude,
  undisturbed,
} from './support';

/**
 * Members that share a run whose detector is held. A young process is slow, and gives the slots back before all have
 * queued (design.md 7, 9): then they ride apart, and it tries again, warmer.
 */
async function underWayTogether(system: System) {
  for (;;) {
    undisturbed(system);
    const gate = held(rude);
    system.detectors.behave('b', gate.behavior);
    const { company, neighbors } = await boarded(system, 'default', false);
    await company.depart();
    await system.detectors.called('b');
    const [first] = system.detectors.callsOf('b');
    if (first!.contents.length === neighbors.length) {
      await started(system, neighbors[0]!);
      return { gate, neighbors };
    }
    gate.release();
    await answersOf(neighbors);
  }
}

/** Detectors are called before the engine has the run: a facade that dies in between leaves none to go on. */
async function started(system: System, { key }: Waiting): Promise<void> {
  const hash = createHash('sha256').update(key).digest();
  const runOf = async () => {
    const { rows } = await system.db.query<{ run_id: string }>(
      'select run_id from idempotency where key_hash = $1',
      [hash],
    );
    return system.temporal.workflow.getHandle(rows[0]!.run_id).describe();
  };
  await eventually(
    () => runOf().catch(() => null),
    (run) => run !== null,
  );
}

describe('The members of a shared run', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start(installation);
  });
  afterAll(() => system?.stop());

  it('get the same answers from another facade when theirs is killed under way', async () => {
    const reference = await referenceOf(system, 'default');
    const survivor = system.facade;
    const doomed = await system.startPart('api');
    const { gate, neighbors } = await underWayTogether(system);
    await doomed.kill();
    system.url = survivor.url;
    gate.release();
    const answers = await Promise.all(
      neighbors.map(({ key }, index) =>
        eventually(
          () =>
            system.orchestrate(
              { content: neighborContents[index] },
              { 'idempotency-key': key, 'x-correlation-id': `neighbor-${index}` },
            ),
          ({ status }) => status < 500,
        ),
      ),
    );
    expect(answers.map(normalized)).toEqual(reference);
    await expectShared(system, answers, 4);
    await settled(system);
  });
});
