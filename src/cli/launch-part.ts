import { startConclave } from '../app';
import type { Servers } from '../conclave-process';
import type { Settings } from '../contract/config';
import { createDetectorService } from '../detectors/service/detector-service';
import { assertPortFree } from '../embedded/ports';
import type { Progress } from '../embedded/setup-error';
import { resolveTool } from '../embedded/tools';
import { createMapperService } from '../mapper/service';
import type { Logger } from '../telemetry/logger';
import { assertDatabaseAnswers, assertTemporalPrepared, externalServers } from './external-servers';
import type { RunningParts } from './running-parts';
import { version } from './version';

export interface LaunchContext {
  readonly settings: Settings;
  readonly log: Logger;
  /** Lines for the person at the terminal. */
  readonly say: Progress;
  readonly parts: RunningParts;
}

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

export async function launchDetectors({ settings, log, parts }: LaunchContext): Promise<void> {
  const { builtin_host: host, builtin_port: port } = settings.registry;
  await assertDetectorsPortFree(settings);
  const service = createDetectorService({ logger: log });
  parts.add('the builtin detectors', () => service.close());
  await service.listen(port, host);
}

export async function launchMapper({ settings, log, parts }: LaunchContext): Promise<void> {
  const { mapper } = settings;
  await assertMapperPortFree(settings);
  const service = createMapperService({
    taxonomyDir: mapper.taxonomy_path,
    ratePerMinute: trustedCallers(settings),
    ...(mapper.service_key === null ? {} : { serviceKey: mapper.service_key }),
    logger: log,
  });
  await service.listen(mapper.port, mapper.host);
  parts.add('the mapper', () => service.close());
}

/** On loopback without a service key only our own orchestrator calls; its own limits are the ones that count. */
function trustedCallers({ mapper }: Settings): number | undefined {
  return mapper.service_key === null && mapper.host === '127.0.0.1' ? 1_000_000 : undefined;
}

export function assertFacadePortFree({ service: { host, port } }: Settings): Promise<void> {
  return assertPortFree({ host, port, purpose: 'The API', setting: 'ORCHESTRATION_PORT' });
}

export function assertMapperPortFree({ mapper: { host, port } }: Settings): Promise<void> {
  return assertPortFree({ host, port, purpose: 'The mapper', setting: 'ORCHESTRATION_MAPPER__PORT' });
}

export function assertDetectorsPortFree({ registry }: Settings): Promise<void> {
  return assertPortFree({
    host: registry.builtin_host,
    port: registry.builtin_port,
    purpose: 'The service of the builtin detectors',
    setting: 'ORCHESTRATION_REGISTRY__BUILTIN_PORT',
  });
}
