import { Readable } from 'node:stream';
import pino from 'pino';
import type supertest from 'supertest';
import { type AppDependencies, createApp } from '../../../src/api/app';
import type { FacadeDependencies } from '../../../src/api/facades/facade-call';
import { RateLimit } from '../../../src/api/rate-limit';
import { CountsInMemory } from '../../../src/store/rate-counts';
import { UnderWayInMemory } from '../../../src/store/under-way';
import { ContentIntake } from '../../../src/content/intake';
import { settingsSchema } from '../../../src/contract/config';
import { type DetectorRegistration, detectorRegistrationSchema } from '../../../src/contract/registration';
import { healthAfter, initialHealth } from '../../../src/domain/health';
import { Breakers } from '../../../src/registry/breakers';
import { fixedDirectory } from '../../support/fixed-directory';
import type { ConfigSource } from '../../../src/registry/config-source';
import { HealthMonitor } from '../../../src/registry/health-monitor';
import { HealthReport } from '../../../src/registry/health-report';
import { StatusReport, type StatusReportDependencies } from '../../../src/registry/status-report';
import { DetectorRegistry } from '../../../src/registry/registry';
import { upstreamOf } from '../../../src/registry/upstream-of';
import { Metrics } from '../../../src/telemetry/metrics';
import type { Batches } from '../../../src/submission/batches';
import type { Bulk } from '../../../src/submission/bulk';
import type { Accepted, Answer } from '../../../src/submission/execution';
import type { Jobs } from '../../../src/submission/jobs';
import type { Submission } from '../../../src/submission/submission';
import { expectContractError, type ExpectedError } from '../../support/contract-error';
import { constants as settings } from '../registry/support';

export const runId = '8f14e45f-ceea-467f-a2d1-3f1c0c4b7a10';
export const jobId = `job-${runId}`;
export const body = {
  content: 'a text',
  content_type: 'text',
  tenant_id: 'acme',
  policy_bundle: 'default',
  environment: 'dev',
};

export function registration(name: string, overrides: object = {}): DetectorRegistration {
  return detectorRegistrationSchema.parse({ name, endpoint: 'http://127.0.0.1:9', ...overrides });
}

/** Detectors that have been probed once; those named in `ill` did not answer. */
export async function watched(registrations: readonly DetectorRegistration[], ill: readonly string[] = []) {
  const registry = new DetectorRegistry(registrations);
  const directory = fixedDirectory(registrations);
  const breakers = new Breakers(directory, settings);
  const health = new HealthMonitor(directory, breakers, settings);
  const at = Date.now();
  for (const { endpoint_id, config } of directory.upstreams) {
    const ok = !ill.includes(config.name!);
    const after = healthAfter(initialHealth, ok, at, { of: 'detector', constants: settings });
    const result = ok ? { response_ms: 3, error: null } : { response_ms: null, error: 'no answer' };
    health.learned({ endpoint_id, url: config.url, health: after, next_check_at: at + 30_000, ...result });
  }
  return { registry, directory, breakers, health };
}

export function answerOf(status: number, overrides: Partial<Answer> = {}): Answer {
  return { status, body: Buffer.from(`{"stored":${status}}`), requestId: runId, jobId: null, ...overrides };
}

export interface AppOptions {
  readonly apiKeys?: Partial<AppDependencies['apiKeys']['keys']>;
  readonly sessions?: Partial<AppDependencies['tokens']['sessions']>;
  readonly tenants?: { readonly live?: AppDependencies['gate']['tenants'] } & Partial<
    AppDependencies['tenants']['tenants']
  >;
  readonly devTokens?: boolean;
  readonly authenticate?: AppDependencies['gate']['authenticate'];
  readonly decided?: AppDependencies['gate']['decided'];
  readonly operated?: AppDependencies['gate']['operated'];
  readonly firewall?: Partial<AppDependencies['firewall']>;
  readonly corsOrigins?: AppDependencies['corsOrigins'];
  readonly trustedProxies?: number;
  readonly certificateOf?: AppDependencies['gate']['certificateOf'];
  readonly submit?: (accepted: Accepted) => Promise<Answer>;
  readonly batches?: Pick<Batches, 'submit'>;
  readonly jobs?: Partial<Pick<Jobs, 'status' | 'cancel' | 'rerun'>>;
  readonly intake?: AppDependencies['orchestrate']['intake'];
  readonly uploads?: AppDependencies['uploads']['uploads'];
  readonly maxConcurrentUploads?: number;
  readonly bulk?: Partial<Bulk>;
  readonly maxLineBytes?: number;
  readonly stopping?: AbortSignal;
  readonly perMinute?: number;
  /** Requests a minute of each credential. */
  readonly perCredential?: number;
  /** Requests that a tenant may have under way. */
  readonly concurrency?: number;
  readonly invalidate?: AppDependencies['cache']['invalidate'];
  readonly maxBodyBytes?: number;
  readonly approach?: () => void;
  readonly callbacks?: AppDependencies['orchestrate']['callbacks'];
  readonly refused?: AppDependencies['orchestrate']['refused'];
  readonly report?: HealthReport;
  readonly check?: AppDependencies['upstreamHealth']['checks']['check'];
  readonly checkPolicy?: AppDependencies['policyCheck']['check'];
  readonly sharing?: AppDependencies['breakers']['sharing'];
  readonly detectors?: Awaited<ReturnType<typeof watched>>;
  readonly registrar?: Partial<
    AppDependencies['detectors']['registrar'] & AppDependencies['registry']['registrar']
  >;
  readonly tryDetector?: AppDependencies['detectors']['tryDetector'];
  readonly directory?: AppDependencies['registry']['directory'];
  readonly stateOf?: AppDependencies['registry']['stateOf'];
  readonly config?: Partial<ConfigSource>;
  readonly versions?: AppDependencies['config']['versions'];
  readonly policies?: Partial<AppDependencies['policies']>;
  readonly shadows?: Partial<AppDependencies['shadows']>;
  readonly allowLists?: Partial<AppDependencies['allowList']['allowLists']>;
  readonly simulations?: Partial<AppDependencies['simulations']>;
  readonly facades?: Partial<FacadeDependencies>;
  readonly decisions?: Partial<AppDependencies['decisions']>;
  readonly audit?: Partial<AppDependencies['audit']>;
  readonly health?: Partial<AppDependencies['health']>;
  readonly codec?: AppDependencies['codec'];
  readonly uses?: StatusReportDependencies['uses'];
  readonly keyedChanges?: AppDependencies['keyedChanges'];
  readonly metricsArePublic?: boolean;
  readonly log?: AppDependencies['log'];
}

const emptyHistory = {
  history: () => Promise.resolve([]),
  figures: () => Promise.resolve([]),
  compliance: () => Promise.resolve(new Map<string, number>()),
};
const noUses = () => Promise.resolve([]);
const unread = {
  loaded: false,
  version: null,
  configPath: 'detectors.yaml',
  lastReload: null,
  lastReloadError: 'the file does not exist',
  watching: true,
};
const unexpected = () => Promise.reject(new Error('nothing of this kind is expected'));

/** Takes what has its content with it. */
const inlineOnly = new ContentIntake({
  uploads: { open: unexpected },
  examiner: { examine: unexpected },
  sla: settingsSchema.parse({}).orchestration,
  settings: settingsSchema.parse({}).content,
});

/** The facade over fakes; what a test does not name is at its simplest. */
export async function appWith(options: AppOptions = {}) {
  const detectors = options.detectors ?? (await watched([registration('a')]));
  const rateLimit = new RateLimit({
    counts: new CountsInMemory(),
    underWay: new UnderWayInMemory(),
    concurrencyOf: () => options.concurrency ?? null,
    perMinute: options.perCredential ?? 100_000,
  });
  return createApp({
    gate: {
      tenants: options.tenants?.live ?? allActive,
      authenticate: options.authenticate ?? null,
      clientKey: options.facades?.settings?.client_key ?? settingsSchema.parse({}).facades.client_key,
      decided: options.decided ?? (() => undefined),
      ...(options.trustedProxies !== undefined && { trustedProxies: options.trustedProxies }),
      nameOf: (principal) => principal,
      operated: options.operated ?? (() => Promise.resolve()),
      ...(options.certificateOf && { certificateOf: options.certificateOf }),
    },
    firewall: {
      mode: 'block',
      monitoredTenants: [],
      noticed: () => undefined,
      ...options.firewall,
    },
    corsOrigins: options.corsOrigins ?? [],
    orchestrate: {
      submission: {
        submit: options.submit ?? (() => Promise.resolve(answerOf(200))),
      } satisfies Pick<Submission, 'submit'> as unknown as Submission,
      intake: options.intake ?? inlineOnly,
      batches: options.batches ?? { submit: () => Promise.reject(new Error('no batch is expected')) },
      jobs: (options.jobs ?? {}) as Jobs,
      rateLimit,
      rateLimitOf: () => options.perMinute ?? 100,
      maxBodyBytes: options.maxBodyBytes ?? 4096,
      approach: options.approach ?? (() => undefined),
      callbacks: options.callbacks ?? { refusalOf: () => 'is not allowed', list: unexpected },
      refused: options.refused ?? (() => undefined),
    },
    policies: (options.policies ?? {}) as AppDependencies['policies'],
    shadows: (options.shadows ?? {}) as AppDependencies['shadows'],
    allowList: { allowLists: (options.allowLists ?? {}) as AppDependencies['allowList']['allowLists'] },
    simulations: (options.simulations ?? {}) as AppDependencies['simulations'],
    keys: { status: unexpected, list: unexpected, get: unexpected, rotate: unexpected },
    lifecycle: {
      onboard: unexpected,
      takeSecret: unexpected,
      erase: unexpected,
      export: unexpected,
      file: unexpected,
      get: unexpected,
      list: unexpected,
    },
    cache: { invalidate: options.invalidate ?? (() => Promise.resolve()) },
    uploads: {
      uploads: options.uploads ?? { accept: unexpected, remove: unexpected },
      limits: { maxFileBytes: options.maxBodyBytes ?? 4096 },
      maxConcurrent: options.maxConcurrentUploads ?? 8,
      rateLimit,
      uploadsPerMinute: options.perMinute ?? 100,
    },
    bulk: {
      bulk: (options.bulk ?? {}) as Bulk,
      rateLimit,
      callbacks: options.callbacks ?? { refusalOf: () => 'is not allowed' },
      uploadsPerMinute: options.perMinute ?? 100,
      maxLineBytes: options.maxLineBytes ?? 4096,
      maxImagePixels: settingsSchema.parse({}).content.max_image_pixels,
      approach: options.approach ?? (() => undefined),
      stopping: options.stopping ?? new AbortController().signal,
    },
    detectors: {
      ...detectors,
      registrar: options.registrar as AppDependencies['detectors']['registrar'],
      upstreamOf: (entry) => upstreamOf(entry, 'http://127.0.0.1:8010'),
      tryDetector: options.tryDetector ?? (() => Promise.reject(new Error('no try is expected'))),
    },
    registry: {
      directory: options.directory ?? detectors.directory,
      stateOf: options.stateOf ?? (() => undisturbed),
      registrar: options.registrar as AppDependencies['registry']['registrar'],
      config: options.config as ConfigSource,
    },
    config: {
      config: options.config as ConfigSource,
      versions: options.versions ?? (() => Promise.resolve({ current: null, history: [] })),
    },
    decisions: {
      explanations: { explain: unexpected },
      decisions: { count: unexpected, page: unexpected, all: () => Readable.from([]) },
      flush: () => Promise.resolve(),
      version: '1.2.3',
      ...options.decisions,
    },
    audit: {
      records: { trail: unexpected, count: unexpected, page: unexpected, all: () => Readable.from([]) },
      verifier: { verify: unexpected },
      source: { version: '1.2.3', host: 'here' },
      ...options.audit,
    },
    facades: {
      judge: { judge: () => Promise.reject(new Error('no judgement is expected')) },
      settings: settingsSchema.parse({}).facades,
      categories: { of: () => null, lookedForBy: () => new Set() },
      rateLimit,
      rateLimitOf: () => options.perMinute ?? 100,
      maxBodyBytes: options.maxBodyBytes ?? 4096,
      maxImagePixels: settingsSchema.parse({}).content.max_image_pixels,
      approach: options.approach ?? (() => undefined),
      ...options.facades,
    },
    apiKeys: {
      keys: {
        create: unexpected,
        list: unexpected,
        rotate: unexpected,
        revoke: unexpected,
        ...options.apiKeys,
      },
    },
    tenants: {
      tenants: { get: unexpected, list: unexpected, put: unexpected, ...options.tenants },
    },
    tokens: {
      sessions: {
        validate: unexpected,
        refresh: unexpected,
        logOut: unexpected,
        revoke: unexpected,
        begin: unexpected,
        ...options.sessions,
      },
      guarded: (_request, attempt) => attempt(),
      devTokens: options.devTokens ?? false,
    },
    breakers: { breakers: detectors.breakers, sharing: options.sharing ?? { force: unexpected } },
    upstreamHealth: {
      report: options.report ?? new HealthReport(detectors.directory, detectors.health, emptyHistory),
      checks: { check: options.check ?? unexpected },
      breakers: detectors.breakers,
      config: { detector_interval: 30, detector_timeout: 2, concurrency: 10 },
    },
    policyCheck: { check: options.checkPolicy ?? unexpected },
    health: {
      version: '1.2.3',
      environment: 'dev',
      startedAt: Date.now(),
      minDetectorsReady: 1,
      registry: detectors.registry,
      health: detectors.health,
      configured: () => true,
      accepting: () => true,
      pendingJobs: () => Promise.resolve(0),
      dependencies: () => Promise.resolve(allConnected),
      ...options.health,
    },
    codec: options.codec ?? null,
    status: {
      version: '1.2.3',
      environment: 'dev',
      startedAt: Date.now(),
      dependencies: () => Promise.resolve(allConnected),
      report: new StatusReport({ ...detectors, config: { status: unread }, uses: options.uses ?? noUses }),
      bundles: () => [{ tenantId: 'acme', name: 'default', version: '1.0' }],
      jobs: () => Promise.resolve({ open: 3, waiting: 1 }),
    },
    metrics: { page: new Metrics(), isPublic: options.metricsArePublic ?? true },
    gateway: null,
    keyedChanges: options.keyedChanges ?? {
      answers: { attempt: unexpected },
      keyUsed: () => undefined,
    },
    log: options.log ?? pino({ enabled: false }),
  });
}

/** Nobody is suspended. */
const allActive = { isActive: () => true, isDeleted: () => false, requireActive: () => undefined };

const undisturbed = {
  unhealthy: false,
  circuit_breaker_state: 'closed',
  last_health_check: null,
  last_failure_time: null,
  consecutive_failures: 0,
} as const;

export const allConnected = {
  workflow_engine: 'connected',
  store: 'connected',
  cache: 'not_configured',
  policy_engine: 'connected',
  mapper: 'connected',
} as const;

/** The contract's error, with every header and member that it must have. */
export function expectError(response: supertest.Response, expected: ExpectedError) {
  return expectContractError(
    {
      status: response.status,
      headers: new Headers(response.headers),
      body: response.body as unknown,
      text: response.text,
    },
    expected,
  );
}
