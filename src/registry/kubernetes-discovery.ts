import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, type Dispatcher, request } from 'undici';
import { z } from 'zod';
import type { KubernetesDiscovery } from '../contract/discovery';
import { type DetectorRegistration, detectorRegistrationSchema } from '../contract/registration';
import { groupedBy } from '../domain/collections';
import type { DiscoverySource } from './discovery';

const sliceSchema = z.object({
  metadata: z.object({
    name: z.string(),
    resourceVersion: z.string(),
    labels: z.record(z.string(), z.string()).default({}),
  }),
  ports: z.array(z.object({ port: z.int().nullish() })).nullish(),
  endpoints: z
    .array(z.object({ conditions: z.object({ ready: z.boolean().nullish() }).nullish() }))
    .nullish(),
});
type Slice = z.output<typeof sliceSchema>;

const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string() }),
  items: z.array(sliceSchema),
});
const eventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.enum(['ADDED', 'MODIFIED', 'DELETED']), object: sliceSchema }),
  z.object({
    type: z.literal('BOOKMARK'),
    object: z.object({ metadata: z.object({ resourceVersion: z.string() }) }),
  }),
  z.object({ type: z.literal('ERROR'), object: z.unknown() }),
]);

const nameLabel = 'conclave.dev/detector';
const versionLabel = 'conclave.dev/version';
const typeLabel = 'conclave.dev/detector-type';
const serviceLabel = 'kubernetes.io/service-name';
const inCluster = 'https://kubernetes.default.svc';
const firstPauseMs = 500;
const longestPauseMs = 30_000;
const askAnewSeconds = 300;

/** Detectors behind labelled services of a cluster: each is there as long as one of its endpoints is ready. */
export function kubernetesDiscovery(settings: KubernetesDiscovery): DiscoverySource {
  return {
    name: `kubernetes:${settings.namespace}/${settings.label_selector}`,
    watch(found, failed) {
      const ending = new AbortController();
      void follow(settings, ending.signal, found, failed);
      return () => ending.abort();
    },
  };
}

type Found = (detectors: readonly DetectorRegistration[]) => void;

async function follow(
  settings: KubernetesDiscovery,
  signal: AbortSignal,
  found: Found,
  failed: (error: unknown) => void,
): Promise<void> {
  const agent = await agentFor(settings);
  let pause = firstPauseMs;
  while (!signal.aborted) {
    try {
      await listAndWatch(settings, agent, signal, (slices) => {
        pause = firstPauseMs;
        found(detectorsIn(slices, settings));
      });
    } catch (error) {
      if (signal.aborted) break;
      failed(error);
      await delay(pause, undefined, { signal }).catch(() => undefined);
      pause = Math.min(pause * 2, longestPauseMs);
    }
  }
  await agent.destroy();
}

/** Returns when the server ends the watch: then everything is asked for anew. */
async function listAndWatch(
  settings: KubernetesDiscovery,
  agent: Dispatcher,
  signal: AbortSignal,
  changed: (slices: readonly Slice[]) => void,
): Promise<void> {
  const list = await ask(settings, agent, signal, {});
  const { metadata, items } = listSchema.parse(await list.json());
  const slices = new Map(items.map((slice) => [slice.metadata.name, slice]));
  changed([...slices.values()]);
  const watch = await ask(settings, agent, signal, {
    watch: 'true',
    allowWatchBookmarks: 'true',
    resourceVersion: metadata.resourceVersion,
    timeoutSeconds: String(askAnewSeconds),
  });
  const lines = createInterface({ input: watch });
  // What is given up fails once more, and nobody hears it then.
  lines.on('error', () => undefined);
  try {
    for await (const line of lines) {
      const event = eventSchema.parse(JSON.parse(line));
      if (event.type === 'ERROR') return;
      if (event.type === 'BOOKMARK') continue;
      if (event.type === 'DELETED') slices.delete(event.object.metadata.name);
      else slices.set(event.object.metadata.name, event.object);
      changed([...slices.values()]);
    }
  } finally {
    watch.destroy();
  }
}

async function ask(
  {
    api_url: api = inCluster,
    namespace,
    label_selector: labelSelector,
    token_path: tokenPath,
  }: KubernetesDiscovery,
  dispatcher: Dispatcher,
  signal: AbortSignal,
  query: Readonly<Record<string, string>>,
): Promise<Dispatcher.ResponseData['body']> {
  const url = new URL(`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, api);
  url.search = new URLSearchParams({ labelSelector, ...query }).toString();
  // Tokens are rotated: what the file holds now counts.
  const token = (await readFile(tokenPath, 'utf8')).trim();
  const { statusCode, body } = await request(url, {
    headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
    dispatcher,
    signal,
  });
  if (statusCode === 200) return body;
  await body.dump();
  throw new Error(`the Kubernetes API answered ${statusCode}`);
}

/** A watch is silent for as long as nothing changes. */
async function agentFor({ api_url: api = inCluster, ca_path: caPath }: KubernetesDiscovery): Promise<Agent> {
  const ca = api.startsWith('https:') ? await readFile(caPath, 'utf8').catch(() => undefined) : undefined;
  return new Agent({
    bodyTimeout: 2 * askAnewSeconds * 1000,
    ...(ca === undefined ? {} : { connect: { ca } }),
  });
}

function detectorsIn(slices: readonly Slice[], settings: KubernetesDiscovery): DetectorRegistration[] {
  const services = groupedBy(slices, ({ metadata }) => metadata.labels[serviceLabel] ?? metadata.name);
  return [...services].flatMap(([service, parts]) => detectorBehind(service, parts, settings) ?? []);
}

function detectorBehind(
  service: string,
  slices: readonly Slice[],
  { namespace, scheme, detector }: KubernetesDiscovery,
): DetectorRegistration | null {
  const ready = slices.some(({ endpoints }) =>
    endpoints?.some(({ conditions }) => conditions?.ready !== false),
  );
  const [port] = slices.flatMap(({ ports }) => ports?.flatMap((one) => one.port ?? []) ?? []);
  if (!ready || port === undefined) return null;
  const { labels } = slices[0]!.metadata;
  const parsed = detectorRegistrationSchema.safeParse({
    ...detector,
    name: labels[nameLabel] ?? service,
    ...(labels[versionLabel] === undefined ? {} : { version: labels[versionLabel] }),
    ...(labels[typeLabel] === undefined ? {} : { detector_type: labels[typeLabel] }),
    endpoint: `${scheme}://${service}.${namespace}.svc:${port}`,
  });
  return parsed.success ? parsed.data : null;
}
