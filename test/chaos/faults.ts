import type { TcpProxy } from '../support/tcp-proxy';
import type { Cluster } from './cluster';
import type { ProductPart } from './product-part';
import type { Trail } from './trail';

interface Victim {
  kill(): Promise<void>;
  start(): Promise<unknown>;
}

export interface Fault {
  readonly name: string;
  /** How long it lasts before it is mended (ms): past leases and conversion points, where nothing breaks at once. */
  readonly lastsMs: number;
  strike(cluster: Cluster): Promise<void>;
  /** Resolves when the process is back and listens, or the network is whole. */
  mend(cluster: Cluster): Promise<void>;
  /** Whose results show that what was struck works again. */
  shows(trail: Trail): boolean;
  /** Most that may pass from mending to the first result (ms). */
  readonly firstResultWithinMs: number;
}

const killedForMs = 1000;
const silentForMs = 7000;
const soonMs = 5000;
/** Nothing is promised here but that it comes back unaided: lost connections are noticed by keep-alives. */
const unaidedMs = 60_000;

const any = (): boolean => true;
/** Only the worker serves pools. */
const pooled = ({ kind }: Trail): boolean => kind === 'pooled';
/** Jobs may be finished by the worker; a sync answer comes from the facade. */
const sync = ({ kind }: Trail): boolean => kind === 'sync';

function killed(
  name: string,
  victim: (cluster: Cluster) => Victim,
  shows: Fault['shows'] = any,
  firstResultWithinMs = unaidedMs,
): Fault {
  return {
    name: `kill ${name}`,
    lastsMs: killedForMs,
    strike: (cluster) => victim(cluster).kill(),
    mend: async (cluster) => void (await victim(cluster).start()),
    shows,
    firstResultWithinMs,
  };
}

/** Past its leases it goes on as if nothing had been: what it held may have been taken over. */
function frozen(name: string, victim: (cluster: Cluster) => ProductPart, shows: Fault['shows']): Fault {
  return {
    name: `freeze ${name}`,
    lastsMs: silentForMs,
    strike: async (cluster) => victim(cluster).freeze(),
    mend: async (cluster) => victim(cluster).thaw(),
    shows,
    firstResultWithinMs: unaidedMs,
  };
}

/** Cut: connections break. Stall: silence, then everything arrives late. Drop: silence, and old connections stay dead. */
function parted(name: string, link: (cluster: Cluster) => TcpProxy, shows: Fault['shows']): Fault[] {
  const ways: Record<string, Pick<Fault, 'strike' | 'mend'>> = {
    cut: { strike: (c) => link(c).cut(), mend: (c) => link(c).open() },
    stall: { strike: async (c) => link(c).stall(), mend: async (c) => link(c).resume() },
    drop: { strike: async (c) => link(c).stall(), mend: async (c) => link(c).renew() },
  };
  return Object.entries(ways).map(([way, acts]) => ({
    name: `${way} ${name}`,
    lastsMs: silentForMs,
    ...acts,
    shows,
    firstResultWithinMs: unaidedMs,
  }));
}

export const faults: readonly Fault[] = [
  killed('worker', (cluster) => cluster.worker, pooled, soonMs),
  killed('facade', (cluster) => cluster.facade, sync, soonMs),
  killed('detectors', (cluster) => cluster.detectors),
  killed('temporal', (cluster) => cluster.temporal),
  killed('postgres', (cluster) => cluster.postgres),
  frozen('worker', (cluster) => cluster.worker, pooled),
  frozen('facade', (cluster) => cluster.facade, sync),
  ...parted('worker-temporal', (cluster) => cluster.workerToTemporal, pooled),
  ...parted('facade-store', (cluster) => cluster.facadeToStore, sync),
];
