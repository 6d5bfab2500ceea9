import { join } from 'node:path';
import { freePort } from '../src/embedded/ports';
import { startTemporal } from '../src/embedded/temporal-server';
import { resolveTool } from '../src/embedded/tools';
import type { Stage } from './stage';

/** host:port of the Temporal server that all rows share: the given one, or one started as `npm start` starts its own. */
export async function temporalAt(
  stage: Stage,
  address: string | undefined,
  log: (line: string) => void,
): Promise<string> {
  if (address) return address;
  const server = await startTemporal({
    binary: await resolveTool('temporal', log),
    dataDir: join(stage.directory, 'temporal'),
    port: await freePort(),
    uiPort: null,
    log,
  });
  stage.onStrike(() => server.stop());
  return server.address;
}
