import { OutOfFuelError } from '../../../src/policy/rego-host';
import { loadRegoModule } from '../../../src/policy/rego-module';
import { fakeModule } from './fake-module';

const input = Buffer.from('{}');
const costly = { format: '%d'.repeat(400), values: Array<number>(400).fill(1) };

describe('a policy in memory', () => {
  it('pays for what is formatted before it is formatted', () => {
    const policy = loadRegoModule(fakeModule({ ...costly, format: `${costly.format}%j` }));
    expect(() => policy.evaluate('selection', input, 10_000)).toThrow(OutOfFuelError);
    expect(() => policy.evaluate('selection', input, 100_000)).toThrow('sprintf: has no such placeholder');
  });

  it('pays for every call, however little it formats', () => {
    const policy = loadRegoModule(fakeModule({ format: '%d', values: [1] }));
    expect(() => policy.evaluate('selection', input, 500)).toThrow(OutOfFuelError);
    expect(policy.evaluate('selection', input, 100_000)).toBeUndefined();
  });

  it('may have constants that fill two megabytes', () => {
    expect(loadRegoModule(fakeModule({ pages: 32 })).rules).toMatchObject({ selection: true });
    expect(() => loadRegoModule(fakeModule({ pages: 33 }))).toThrow(/memory import/);
  });
});
