import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEvaluationPool, type EvaluationPool } from '../../../src/policy/evaluation-pool';
import { eventually } from '../../support/eventually';
import { fakeModule } from './fake-module';

const compiled = new WebAssembly.Module(fakeModule());
const input = Buffer.from('{}');

describe('threads that evaluate policies', () => {
  let dir: string;
  let pool: EvaluationPool;
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'threads-'))));
  afterEach(async () => {
    await pool.close();
    rmSync(dir, { recursive: true });
  });

  function workerOf(code: string): string {
    const file = join(dir, 'worker.js');
    writeFileSync(file, code);
    return file;
  }
  const evaluate = () => pool.evaluate('acme', compiled, 'selection', input);

  it('do not take the process with them when they fail while they evaluate nothing', async () => {
    const failures: unknown[] = [];
    pool = createEvaluationPool({
      timeoutMs: 200,
      maxWaitMs: 200,
      workerFile: workerOf('throw new Error("broken")'),
      threadFailed: (error) => failures.push(error),
    });
    // With one of the two threads, or with none.
    await expect(evaluate()).rejects.toThrow(/^broken$|^no thread was free in time$/);
    await eventually(
      () => failures,
      ([failure]) => failure !== undefined,
    );
    expect(String(failures[0])).toBe('Error: broken');
  });

  it('have the same time for an evaluation and its wait, once they have started', async () => {
    const begin = 'Atomics.store(begun, 0, BigInt(Date.now()))';
    const workerFile = workerOf(`exports.evaluate = ({ begun }) => { ${begin}; for (;;); }`);
    pool = createEvaluationPool({ timeoutMs: 250, workerFile });
    await eventually(
      () => evaluate().catch((error: unknown) => String(error)),
      (said) => said === 'SlowPolicyError: took over 250 ms',
    );
    const [, second] = await Promise.allSettled([evaluate(), evaluate()]);
    expect(second).toMatchObject({ status: 'rejected', reason: { name: 'NoThreadError' } });
  });
});
