import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OpaUnavailable } from '../../../src/policy/opa-unavailable';
import { PolicyCompileError } from '../../../src/policy/problem';
import { runBounded } from '../../../src/policy/run-opa';

describe('a run of opa', () => {
  let dir: string;
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'opa-'))));
  afterEach(() => {
    jest.restoreAllMocks();
    rmSync(dir, { recursive: true });
  });

  /** What becomes of a program in place of `opa`. */
  async function ran(script: string, mode = 0o755): Promise<unknown> {
    const program = join(dir, 'opa');
    writeFileSync(program, `#!/bin/sh\n${script}\n`);
    chmodSync(program, mode);
    return runBounded(program, dir, ['check']).catch((error: unknown) => error);
  }
  const overloaded = { code: 'RATE_LIMITED', detail: 'overloaded', retryAfterSeconds: 10 };
  const absent = { code: 'INTERNAL_ERROR', detail: 'compiler_unavailable', status: 500 };

  it.each([
    ['is killed', 'kill -9 $$', overloaded],
    ['finds the disk full', 'echo "open a.tar.gz: no space left on device" >&2; exit 1', overloaded],
    [
      'finds no memory for a file',
      `echo '{"message": "mmap: cannot allocate memory"}' >&2; exit 1`,
      overloaded,
    ],
    ['has too many files open', 'echo "error: open a.rego: too many open files" >&2; exit 2', overloaded],
    ['gets no thread', 'echo "runtime: failed to create new OS thread (have 5)" >&2; exit 2', overloaded],
  ])('that %s says nothing about the policy [2.3]', async (_claim, script, expected) => {
    const error = await ran(script);
    expect(error).toBeInstanceOf(OpaUnavailable);
    expect(error).toMatchObject(expected);
  });

  it('that takes too long says nothing about the policy', async () => {
    const program = join(dir, 'opa');
    writeFileSync(program, '#!/bin/sh\nexec sleep 600\n', { mode: 0o755 });
    const error: unknown = await runBounded(program, dir, [], 100).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      ...overloaded,
      message: expect.stringContaining('longer than 0.1 s') as string,
    });
  });

  it('is none where the program is not there or may not be run', async () => {
    expect(await runBounded(join(dir, 'no-opa'), dir, []).catch((error: unknown) => error)).toMatchObject(
      absent,
    );
    expect(await ran('exit 0', 0o644)).toMatchObject(absent);
  });

  it('that runs out of memory is the fault of who asks, unless the machine has none', async () => {
    const script = 'echo "fatal error: runtime: out of memory" >&2; exit 2';
    const memory = jest.spyOn(process, 'availableMemory');
    memory.mockReturnValue(8 * 1024 ** 3);
    expect(await ran(script)).toMatchObject({ exitCode: 2, exhausted: true });
    memory.mockReturnValue(100 * 1024 ** 2);
    expect(await ran(script)).toMatchObject(overloaded);
  });

  it('that prints without end is the fault of what it was given', async () => {
    const error = await ran('exec yes "no space left on device in my policy"');
    expect(error).toBeInstanceOf(PolicyCompileError);
    expect(error).toMatchObject({ problems: [{ code: 'rego_output_too_large' }] });
  });

  it('that finds fault says so, whatever words the policy uses', async () => {
    const said = `{"errors": [{"details": {"line": "x := \\\\\\": no space left on device\\\\\\""}}]}`;
    expect(await ran(`cat >&2 <<'END'\n${said}\nEND\nexit 1`)).toMatchObject({
      exitCode: 1,
      exhausted: false,
    });
  });
});
