import { existsSync, readdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { stopLeftover } from './child';
import { runtimeFolder } from './postgres-cluster';
import type { Progress } from './setup-error';

/**
 * Moves the data folder aside as `<folder>.before-<time>`; nothing is deleted. Temporal's runs and our tables belong
 * together, so they go together.
 * @throws SetupError while Conclave runs on it
 */
export async function moveDataAside(dataDir: string, now: Date, log: Progress): Promise<void> {
  if (!existsSync(dataDir) || readdirSync(dataDir).length === 0) return;
  await stopLeftover('PostgreSQL', path.join(dataDir, 'postgres.pid'), 'SIGINT');
  await stopLeftover('Temporal', path.join(dataDir, 'temporal.pid'), 'SIGTERM');
  await stopLeftover('The service of the builtin detectors', path.join(dataDir, 'detectors.pid'), 'SIGTERM');
  for (const folder of [path.resolve(dataDir), runtimeFolder(dataDir)].filter((known) => existsSync(known))) {
    const aside = `${folder}.before-${now.toISOString().replace(/[:.]/g, '-')}`;
    renameSync(folder, aside);
    log(`the data so far is in ${aside}; delete it when you no longer want it`);
  }
}
