import { promiseHooks } from 'node:v8';

// By a name that only Jest resolves.
const file = '../../../src/cli/untraced-workflows';
const hook = jest.fn(() => () => undefined);

/** What a thread finds that was started with the file required. */
async function createHookOf(isMainThread: boolean): Promise<unknown> {
  const v8 = { promiseHooks: { ...promiseHooks, createHook: hook } };
  await jest.isolateModulesAsync(async () => {
    jest.doMock('node:v8', () => v8);
    jest.doMock('node:worker_threads', () => ({ isMainThread }));
    await import(file);
  });
  return v8.promiseHooks.createHook;
}

describe('Required before everything else', () => {
  it('leaves the main thread alone', async () => {
    expect(await createHookOf(true)).toBe(hook);
  });

  it('lets a workflow thread hook promises in vain', async () => {
    const createHook = (await createHookOf(false)) as typeof promiseHooks.createHook;
    const seen = jest.fn();
    const stop = createHook({ init: seen });
    await Promise.resolve();
    stop();
    expect(seen).not.toHaveBeenCalled();
    expect(hook).not.toHaveBeenCalled();
  });
});
