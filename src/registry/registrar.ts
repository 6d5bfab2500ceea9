import { ConclaveError, GatewayError } from '../contract/errors';
import type { DetectorRegistration } from '../contract/registration';
import type { RegistryEntry, RegistryWrite } from '../contract/registry-entry';
import type { EndpointConfig, Upstream } from '../contract/upstream';
import {
  conflictOf,
  indexOf,
  nameInId,
  ownerOf,
  urlOf,
  versionOf,
  versionsOf,
  withKnownCapabilities,
} from '../domain/registry';
import type { Listed } from '../domain/registry-sync';
import { quotaExceeded } from '../domain/tenancy';
import { assertOwnSecrets, type TenantSecrets } from '../domain/tenant-secrets';
import type { ConfigStore } from './config-source';
import { refuseCycle } from './refuse-cycle';
import { listedDetector, listedEndpoint } from './registry-file';

/** Who asks for a change. */
export interface Caller {
  readonly requestId: string;
  readonly correlationId: string;
}

/** A registration with what its detector says that it can do. */
export type Complete = (registration: DetectorRegistration) => Promise<DetectorRegistration>;

/** Whether an upstream is what it says; the reason when it is not. */
export type Verify = (listed: Listed) => Promise<string | null>;

export interface NewDetector {
  readonly registration: DetectorRegistration;
  /** Of a first version all, of another none: it is for the operator to give it some. */
  readonly trafficPercent: number | null;
  /** Registers itself, and expires when it is not heard of for so long. */
  readonly ttlSeconds: number | null;
}

export type RegistrarOperation = 'register' | 'update' | 'unregister' | 'status' | 'traffic';

export interface RegistrarDependencies {
  readonly store: Pick<ConfigStore, 'change'> & { heartbeat(endpointId: string): Promise<boolean> };
  /** Makes what was committed effective here. */
  readonly refresh: () => Promise<void>;
  readonly verify: Verify;
  readonly tenantSecrets: TenantSecrets;
  /** Detectors of its own that a tenant may have, every version one; null: any number. */
  readonly quotaOf: (tenantId: string) => number | null;
  /** What a detector says of itself, where its registration says nothing. */
  readonly complete: Complete;
  /** Makes one that was registered though nobody reached it unhealthy until it answers. */
  readonly unreachable: (endpointId: string, reason: string) => Promise<void>;
  /** Told how what was asked for has ended. */
  readonly ended: (operation: RegistrarOperation, outcome: 'success' | 'refused' | 'error') => void;
  /** Told, after the commit, which detectors' answers may be others now. */
  readonly changed: (names: readonly string[]) => Promise<void>;
  readonly now?: () => Date;
}

type Entries = readonly RegistryEntry[];
type Decide<T> = (entries: Entries) => { writes: readonly RegistryWrite[]; result: T };

/** One change, before it is decided. */
interface Asked {
  readonly operation: RegistrarOperation;
  readonly by: Caller;
  /** For the audit log. */
  readonly what: string;
  /** @throws GatewayError ENDPOINT_UNREACHABLE */
  readonly verify?: () => Promise<void>;
}

/** What the API does to the registry (spec/orchestration.md 1.10, spec/gateway.md 3); effective everywhere on return. */
export class Registrar {
  constructor(private readonly deps: RegistrarDependencies) {}

  /** @throws ConclaveError 409 `detector_exists`, 400 `quota_exceeded`, `traffic_sum`, `dependency_cycle`; GatewayError ENDPOINT_CONFLICT, ENDPOINT_UNREACHABLE */
  async registerDetector(detector: NewDetector, verify: boolean, by: Caller): Promise<RegistryEntry> {
    const listed = await this.#listed(detector.registration);
    const asked = { operation: 'register', by, what: `register ${listed.endpoint_id}` } as const;
    return this.#change(
      { ...asked, ...(verify && { verify: () => this.#assertGood(listed) }) },
      (entries) => {
        if (entries.some(({ endpoint_id: id, kind }) => id === listed.endpoint_id && kind === 'detector')) {
          throw new ConclaveError('INVALID_REQUEST', 'a detector of this name and version is registered', {
            status: 409,
            detail: 'detector_exists',
          });
        }
        refuseConflict(entries, listed);
        refuseCycle(entries, listed.endpoint_id, detector.registration);
        const { name, tenant_id: tenant } = detector.registration;
        if (tenant !== undefined) this.#requireRoom(entries, tenant);
        const others = versionsOf(entries, name, tenant ?? null);
        const isFirst = others.every(({ status }) => status !== 'active');
        const percent = detector.trafficPercent ?? (isFirst ? 100 : 0);
        assertWhole([...others, { status: 'active', traffic_percent: percent }], percent);
        const entry: RegistryEntry = {
          ...listed,
          source: detector.ttlSeconds === null ? 'manual' : 'discovery',
          origin: detector.ttlSeconds === null ? 'api' : 'heartbeat',
          status: 'active',
          traffic_percent: percent,
          ttl_seconds: detector.ttlSeconds,
          ...this.#times(undefined),
        };
        return put(entry);
      },
    );
  }

  /** @throws ConclaveError 404, 400 `dependency_cycle`; GatewayError ENDPOINT_UNREACHABLE */
  async replaceDetector(
    id: string,
    registration: DetectorRegistration,
    verify: boolean,
    by: Caller,
  ): Promise<RegistryEntry> {
    const listed = await this.#listed(registration);
    const asked = { operation: 'update', by, what: `replace ${id}` } as const;
    return this.#change(
      { ...asked, ...(verify && { verify: () => this.#assertGood(listed) }) },
      (entries) => {
        const before = one(entries, id);
        refuseCycle(entries, id, registration);
        const known = withKnownCapabilities(listed, before);
        return put({ ...before, ...known, ...manual(before), ...this.#times(before) });
      },
    );
  }

  /** @throws ConclaveError 404 */
  async removeDetector(id: string, by: Caller): Promise<void> {
    await this.#change({ operation: 'unregister', by, what: `remove ${id}` }, (entries) => {
      one(entries, id);
      return { writes: [{ kind: 'remove', id }], result: undefined };
    });
  }

  /**
   * Splits the requests for a name among its versions; one that is not named gets none.
   * @throws ConclaveError 404, 400 `traffic_sum`, `unknown_version`
   */
  async splitTraffic(
    name: string,
    tenant: string | null,
    percents: Readonly<Record<string, number>>,
    by: Caller,
  ): Promise<readonly RegistryEntry[]> {
    return this.#change({ operation: 'traffic', by, what: `traffic of ${name}` }, (entries) => {
      const versions = versionsOf(entries, name, tenant);
      if (versions.length === 0) throw notFound();
      for (const version of Object.keys(percents)) {
        if (!versions.some((entry) => versionOf(entry) === version && entry.status === 'active'))
          throw invalid('unknown_version', `${name} has no active version ${version}`, `versions.${version}`);
      }
      const split = versions.map((entry) => ({
        ...entry,
        traffic_percent: percents[versionOf(entry)!] ?? 0,
        updated_at: this.#now(),
      }));
      assertWhole(split, null);
      return { writes: split.map((entry) => ({ kind: 'put', entry })), result: split };
    });
  }

  /** @throws ConclaveError 404 when there is none that needs heartbeats */
  async heartbeat(id: string): Promise<void> {
    if (!(await this.deps.store.heartbeat(id))) throw notFound();
  }

  /**
   * @param options.force registers one that cannot be reached, as unhealthy
   * @throws GatewayError ENDPOINT_CONFLICT, ENDPOINT_UNREACHABLE
   */
  async registerEndpoint(
    config: EndpointConfig,
    options: { readonly verify: boolean; readonly force: boolean },
    by: Caller,
  ): Promise<{ readonly entry: RegistryEntry; readonly isNew: boolean; readonly fault: string | null }> {
    const listed = listedEndpoint(config);
    let fault: string | null = null;
    const verify = async (): Promise<void> => {
      fault = await this.deps.verify(listed);
      if (!options.force) assertNoFault(listed, fault);
    };
    const registered = await this.#change(
      {
        operation: 'register',
        by,
        what: `register ${listed.endpoint_id}`,
        ...(options.verify && !config.disabled && { verify }),
      },
      (entries) => {
        refuseConflict(entries, listed);
        const before = entries.find(({ endpoint_id: id }) => id === listed.endpoint_id);
        const entry: RegistryEntry = {
          ...listed,
          source: 'manual',
          origin: 'api',
          status: config.disabled ? 'disabled' : (before?.status ?? 'active'),
          traffic_percent: 100,
          ttl_seconds: null,
          ...this.#times(before),
        };
        return { writes: [{ kind: 'put', entry }], result: { entry, isNew: before === undefined } };
      },
    );
    if (fault !== null) await this.deps.unreachable(listed.endpoint_id, fault);
    return { ...registered, fault };
  }

  /** @throws GatewayError ENDPOINT_NOT_FOUND */
  async removeEndpoint(id: string, by: Caller): Promise<void> {
    await this.#change({ operation: 'unregister', by, what: `remove ${id}` }, (entries) => {
      upstream(entries, id);
      return { writes: [{ kind: 'remove', id }], result: undefined };
    });
  }

  /** @throws GatewayError ENDPOINT_NOT_FOUND */
  async setStatus(id: string, status: Upstream['status'], by: Caller): Promise<void> {
    await this.#change({ operation: 'status', by, what: `${status} ${id}` }, (entries) =>
      put({ ...upstream(entries, id), status, updated_at: this.#now() }),
    );
  }

  /** Whoever is asked about a detector is shown its secrets: whose they are comes first. */
  async #listed(registration: DetectorRegistration): Promise<Listed> {
    assertOwnSecrets(registration, this.deps.tenantSecrets);
    return listedDetector(await this.deps.complete(registration));
  }

  /** @throws ConclaveError 400 `quota_exceeded` */
  #requireRoom(entries: Entries, tenant: string): void {
    const most = this.deps.quotaOf(tenant);
    const own = entries.filter(({ detector }) => detector?.tenant_id === tenant);
    if (most !== null && own.length >= most) throw quotaExceeded(most, 'detectors');
  }

  async #assertGood(listed: Listed): Promise<void> {
    assertNoFault(listed, await this.deps.verify(listed));
  }

  async #change<T>(asked: Asked, decide: Decide<T>): Promise<T> {
    try {
      await asked.verify?.();
      const result = await this.#changed(asked, decide);
      this.deps.ended(asked.operation, 'success');
      return result;
    } catch (error) {
      const isRefusal = error instanceof ConclaveError || error instanceof GatewayError;
      this.deps.ended(asked.operation, isRefusal ? 'refused' : 'error');
      throw error;
    }
  }

  async #changed<T>({ by, what }: Asked, decide: Decide<T>): Promise<T> {
    const { writes, result } = await this.deps.store.change({ ...by, what }, (entries) => {
      const decided = decide(entries);
      return { writes: decided.writes, result: decided };
    });
    await this.deps.refresh();
    const names = writes.map((write) => nameInId(write.kind === 'put' ? write.entry.endpoint_id : write.id));
    await this.deps.changed([...new Set(names)]);
    return result;
  }

  #times(before: RegistryEntry | undefined): Pick<RegistryEntry, 'registration_time' | 'updated_at'> {
    const now = this.#now();
    return { registration_time: before?.registration_time ?? now, updated_at: now };
  }

  #now(): string {
    return (this.deps.now?.() ?? new Date()).toISOString();
  }
}

function assertNoFault({ endpoint_id }: Listed, reason: string | null): void {
  if (reason === null) return;
  throw new GatewayError('ENDPOINT_UNREACHABLE', `${endpoint_id} is not registered: ${reason}`, {
    details: { endpoint_id, reason },
  });
}

function put(entry: RegistryEntry): { writes: RegistryWrite[]; result: RegistryEntry } {
  return { writes: [{ kind: 'put', entry }], result: entry };
}

/** What is changed by hand is not the file's any more, until the file lists it anew; who beats goes on beating. */
function manual({ ttl_seconds: ttl }: RegistryEntry): Partial<RegistryEntry> {
  return ttl === null ? { source: 'manual', origin: 'api' } : {};
}

function one(entries: Entries, id: string): RegistryEntry {
  const found = entries.find(({ endpoint_id, kind }) => endpoint_id === id && kind === 'detector');
  if (!found) throw notFound();
  return found;
}

function upstream(entries: Entries, id: string): RegistryEntry {
  const found = entries.find(({ endpoint_id }) => endpoint_id === id);
  if (found) return found;
  throw new GatewayError('ENDPOINT_NOT_FOUND', 'there is no such endpoint');
}

function refuseConflict(entries: Entries, listed: Listed): void {
  const other = conflictOf(indexOf(entries), listed);
  if (!other) return;
  const shared = ownerOf(other) === null;
  const named = shared ? `${other.endpoint_id} (${urlOf(other)})` : 'another';
  throw new GatewayError('ENDPOINT_CONFLICT', `${listed.endpoint_id} is in conflict with ${named}`, {
    details: {
      endpoint_id: listed.endpoint_id,
      endpoint_url: urlOf(listed as RegistryEntry),
      ...(shared ? { conflicting_id: other.endpoint_id, conflicting_url: urlOf(other) } : {}),
    },
  });
}

/** The active versions of a name share all its requests, unless none is asked to change that. */
function assertWhole(
  versions: readonly Pick<RegistryEntry, 'status' | 'traffic_percent'>[],
  added: number | null,
): void {
  const active = versions.filter(({ status }) => status === 'active');
  const sum = active.reduce((total, { traffic_percent: percent }) => total + percent, 0);
  if (sum === 100 || added === 0 || (added === 100 && active.length === 1)) return;
  throw invalid(
    'traffic_sum',
    `the shares of the active versions sum to ${sum}, must be 100`,
    added === null ? 'versions' : 'traffic_percent',
  );
}

export function notFound(): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', 'there is no such detector', {
    status: 404,
    detail: 'detector_not_found',
  });
}

function invalid(detail: string, message: string, path: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', message, { detail, fieldErrors: [{ path, message }] });
}
