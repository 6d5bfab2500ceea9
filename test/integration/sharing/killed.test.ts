import { eventually } from '../../support/eventually';
import { held } from '../../support/fake-detectors';
import { System } from '../../support/system';
import { settled } from '../recovery/support';
import {
  boarded,
  expectShared,
  installation,
  neighborContents,
  normalized,
  referenceOf,
  rude,
  undisturbed,
} from './support';

describe('The members of a shared run', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start(installation);
  });
  afterAll(() => system?.stop());

  it('get the same answers from another facade when theirs is killed under way', async () => {
    const reference = await referenceOf(system, 'default');
    undisturbed(system);
    const survivor = system.facade;
    const doomed = await system.startPart('api');
    // Its first request is slow.
    await system.orchestrate();
    const gate = held(rude);
    system.detectors.behave('b', gate.behavior);
    const { company, neighbors } = await boarded(system, 'default', false);
    await company.depart();
    await system.detectors.called('b');
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
