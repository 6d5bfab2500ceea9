import { noRules } from '../../../src/policy/bundle';
import { runTrials } from '../../../src/policy/trial';
import { fakeModule } from './fake-module';
import { samplePolicy, selectionInput } from './samples';

describe('trials of a policy', () => {
  it('let the event loop turn in between', async () => {
    const bundle = {
      policy: samplePolicy(),
      digest: 'one',
      wasm: fakeModule(),
      rules: { ...noRules, selection: true },
    };
    const trials = Array.from({ length: 10 }, () => ({
      name: 'a trial',
      decision: 'selection' as const,
      input: selectionInput(),
    }));
    let turns = 0;
    let isOver = false;
    const turn = (): void => {
      turns += 1;
      if (!isOver) setImmediate(turn);
    };
    setImmediate(turn);
    const outcomes = await runTrials(bundle, trials);
    isOver = true;
    expect(outcomes).toEqual(Array(10).fill(expect.objectContaining({ reason: 'invalid' })));
    expect(turns).toBeGreaterThanOrEqual(9);
  });
});
