import { flags } from '../../support/fake-detectors';
import { System } from '../../support/system';

describe('POST /orchestrate', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start();
  });
  afterAll(() => system?.stop());

  it('answers 200 with every detector judged', async () => {
    system.detectors.behave('a', flags('toxic', 0.9));
    const { status, body } = await system.orchestrate();
    expect(status).toBe(200);
    expect(body.detector_results.map(({ detector, output }) => [detector, output])).toEqual([
      ['a', 'toxic'],
      ['b', 'clean'],
      ['c', 'clean'],
    ]);
    expect(body.coverage_achieved).toBe(1);
  });
});
