import { createServer } from 'node:net';
import { once } from 'node:events';
import { assertPortFree, freePort } from '../../../src/embedded/ports';

const use = { purpose: 'The API', setting: 'ORCHESTRATION_PORT' };

describe('ports', () => {
  it('finds one that can be opened', async () => {
    const port = await freePort();
    await expect(assertPortFree({ ...use, port })).resolves.toBeUndefined();
  });

  it('names the process that listens and the setting that moves us', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };
    try {
      await expect(assertPortFree({ ...use, port })).rejects.toMatchObject({
        name: 'SetupError',
        problem: expect.stringMatching(
          new RegExp(`^The API needs port ${port}, but process ${process.pid} \\(`),
        ),
        remedy: `stop it (kill ${process.pid}), or choose another port with ORCHESTRATION_PORT=<port>`,
      });
    } finally {
      holder.close();
    }
  });

  it('sees a listener on all addresses too', async () => {
    const holder = createServer().listen(0);
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };
    try {
      await expect(assertPortFree({ ...use, port })).rejects.toThrow(`port ${port}`);
    } finally {
      holder.close();
    }
  });
});
