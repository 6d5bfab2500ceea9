import { createHash } from 'node:crypto';
import { isNode, LineCounter, parseDocument } from 'yaml';
import { detectorEndpointId, endpointIdOf } from '../contract/endpoint-id';
import type { DetectorRegistration } from '../contract/registration';
import { registryFileSchema } from '../contract/registry-file';
import type { EndpointConfig } from '../contract/upstream';
import { groupedBy } from '../domain/collections';
import { normalizedUrl } from '../domain/registry';
import type { Listed } from '../domain/registry-sync';
import { stagesOf } from '../domain/stages';
import { expandVariables } from './expand-variables';

/** One fault of a registry file. */
export interface FileFault {
  /** Of the value, e.g. `detectors.0.endpoint`; empty: the file as a whole. */
  readonly path: string;
  readonly message: string;
  readonly line: number | null;
  readonly column: number | null;
}

export interface RegistryFile {
  readonly entries: readonly Listed[];
  /** SHA-256 of the content, however it is written. */
  readonly digest: string;
}

export type ParsedFile =
  | { readonly ok: true; readonly file: RegistryFile }
  | { readonly ok: false; readonly faults: readonly FileFault[] };

type Path = readonly PropertyKey[];

/** Reads a registry file, naming every fault at once with its place (spec/gateway.md 2.5, 1). */
export function parseRegistryFile(
  text: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ParsedFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const malformed = [...document.errors, ...document.warnings];
  if (malformed.length > 0) {
    const faults = malformed.map(({ message, pos }) => fault([], message, lines.linePos(pos[0])));
    return { ok: false, faults };
  }
  const placed = (path: Path, message: string): FileFault => {
    const node = nearest(path, (at) => document.getIn(at, true));
    const start = isNode(node) ? node.range?.[0] : undefined;
    return fault(path, message, start === undefined ? null : lines.linePos(start));
  };
  const unset: FileFault[] = [];
  const value = expandVariables(document.toJS(), environment, (path, name) =>
    unset.push(placed(path, `the variable ${name} is not set`)),
  );
  if (unset.length > 0) return { ok: false, faults: unset };
  const parsed = registryFileSchema.safeParse(value);
  if (!parsed.success) {
    return { ok: false, faults: parsed.error.issues.map(({ path, message }) => placed(path, message)) };
  }
  const { detectors, endpoints } = parsed.data;
  const faults = [...crossFaults(detectors), ...endpointFaults(endpoints)].map(([path, message]) =>
    placed(path, message),
  );
  if (faults.length > 0) return { ok: false, faults };
  const entries = [
    ...detectors.map((detector): Listed => ({ ...listedDetector(detector) })),
    ...endpoints.map((endpoint): Listed => ({ ...listedEndpoint(endpoint) })),
  ];
  const digest = createHash('sha256').update(JSON.stringify(entries)).digest('hex');
  return { ok: true, file: { entries, digest } };
}

export function listedDetector(detector: DetectorRegistration): Listed {
  return { endpoint_id: detectorEndpointId(detector), kind: 'detector', detector, endpoint: null };
}

export function listedEndpoint(endpoint: EndpointConfig): Listed {
  const { name, version, kind, url } = endpoint;
  const id =
    name === undefined
      ? `endpoint_${createHash('sha256').update(normalizedUrl(url)).digest('hex').slice(0, 12)}`
      : endpointIdOf(name, version);
  return { endpoint_id: id, kind, detector: null, endpoint };
}

export function describeFault({ path, message, line, column }: FileFault): string {
  const place = line === null ? '' : ` (line ${line}, column ${column})`;
  return `${path === '' ? '' : `${path}: `}${message}${place}`;
}

type Fault = readonly [Path, string];

function crossFaults(detectors: readonly DetectorRegistration[]): Fault[] {
  const ids = detectors.map(detectorEndpointId);
  const twice = ids.flatMap((id, index): Fault[] =>
    ids.indexOf(id) === index ? [] : [[['detectors', index, 'name'], `${id} is registered twice`]],
  );
  if (twice.length > 0) return twice;
  return [...trafficFaults(detectors), ...dependencyFaults(detectors)];
}

/** The versions of a name share all its requests (spec/orchestration.md 1.10). */
function trafficFaults(detectors: readonly DetectorRegistration[]): Fault[] {
  const byName = groupedBy(detectors, ({ name, tenant_id }) => `${tenant_id ?? ''}:${name}`);
  return [...byName.values()].flatMap((versions): Fault[] => {
    const sum = versions.reduce((total, { traffic_percent: percent }) => total + percent, 0);
    if (versions.length === 1 || sum === 100) return [];
    const index = detectors.indexOf(versions[0]!);
    const message = `traffic_percent of the versions of ${versions[0]!.name} sums to ${sum}, must be 100`;
    return [[['detectors', index, 'traffic_percent'], message]];
  });
}

function dependencyFaults(detectors: readonly DetectorRegistration[]): Fault[] {
  try {
    stagesOf(detectors);
    return [];
  } catch (error) {
    return [[['detectors'], (error as Error).message]];
  }
}

function endpointFaults(endpoints: readonly EndpointConfig[]): Fault[] {
  const ids = endpoints.map((endpoint) => listedEndpoint(endpoint).endpoint_id);
  const urls = endpoints.map(({ url }) => normalizedUrl(url));
  return endpoints.flatMap((_endpoint, index): Fault[] => {
    if (ids.indexOf(ids[index]!) !== index)
      return [[['endpoints', index, 'name'], `${ids[index]} is there twice`]];
    if (urls.indexOf(urls[index]!) === index) return [];
    return [[['endpoints', index, 'url'], `${ids[urls.indexOf(urls[index]!)]} has the same address`]];
  });
}

/** What is missing has no place of its own; what it is missing from has. */
function nearest(path: Path, at: (path: Path) => unknown): unknown {
  for (let length = path.length; length > 0; length--) {
    const found = at(path.slice(0, length));
    if (found !== undefined) return found;
  }
  return undefined;
}

function fault(path: Path, message: string, at: { line: number; col: number } | null): FileFault {
  return {
    path: path.map(String).join('.'),
    message: message.split('\n')[0]!,
    line: at?.line ?? null,
    column: at?.col ?? null,
  };
}
