import { startConclave } from '../app';
import type { Servers } from '../conclave-process';
import type { Settings } from '../contract/config';
import { resolveTool } from '../embedded/tools';
import { assertDatabaseAnswers, assertTemporalPrepared, externalServers } from './external-servers';
import { assertFacadePortFree } from './free-ports';
import type { LaunchContext } from './launch-context';
import { version } from './version';

/** The facade, with its fast-lane worker, against external servers. */
export async function launchFacade(context: LaunchContext): Promise<void> {
  await launchConclave(context, await reachServers(context.settings), {
    facade: true,
    maintenance: false,
    pools: false,
  });
}

/** A worker, which also sweeps and serves pools, against external servers. */
export async function launchWorker(context: LaunchContext): Promise<void> {
  await launchConclave(context, await reachServers(context.settings), {
    facade: false,
    maintenance: true,
    pools: true,
  });
}

async function reachServers(settings: Settings): Promise<Servers> {
  const servers = externalServers(settings);
  await assertDatabaseAnswers(servers.databaseUrl);
  await assertTemporalPrepared(settings, servers.temporalAddress);
  return servers;
}

/** @returns the address of the facade; null without one */
export async function launchConclave(
  { settings, log, say, parts }: LaunchContext,
  servers: Servers,
  which: { facade: boolean; maintenance: boolean; pools: boolean },
  codecToken: string | null = settings.security.codec_token,
): Promise<string | null> {
  if (which.facade) await assertFacadePortFree(settings);
  const conclave = await startConclave({
    settings,
    servers,
    version,
    log,
    opaPath: () => resolveTool('opa', say),
    parts: which,
    codecToken,
  });
  parts.add(
    which.facade ? 'the facade and its worker' : 'the worker',
    () => conclave.stop(),
    conclave.broken,
  );
  log.info({ address: conclave.address }, which.facade ? 'the facade is ready' : 'the worker is ready');
  return conclave.address;
}
