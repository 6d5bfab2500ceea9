import type { EndpointConfig } from '../contract/upstream';
import { ConclaveError } from '../contract/errors';

/** Where a request goes. */
export interface Target {
  readonly origin: string;
  /** Path and query, percent-encoded as they came. */
  readonly path: string;
}

/** @throws ConclaveError for a path that would leave the upstream's own, or is none */
export function targetOf(config: EndpointConfig, rest: string, query: string): Target {
  assertInside(rest);
  const base = new URL(config.url);
  const inner = rewritten(config, rest);
  const path = inner === '' ? base.pathname : `${base.pathname.replace(/\/$/, '')}${inner}`;
  const search = queryOf(config, base.search.slice(1), query);
  return { origin: base.origin, path: search === '' ? path : `${path}?${search}` };
}

function rewritten({ transform }: EndpointConfig, rest: string): string {
  const strip = transform.strip_prefix?.replace(/\/$/, '');
  const stripped =
    strip !== undefined && (rest === strip || rest.startsWith(`${strip}/`)) ? rest.slice(strip.length) : rest;
  return `${transform.add_prefix?.replace(/\/$/, '') ?? ''}${stripped}`;
}

/** Order, repeats and empty values stay; what the configured URL brings goes first. */
function queryOf({ transform }: EndpointConfig, configured: string, given: string): string {
  const merged = [configured, given].filter((part) => part !== '').join('&');
  const changed = new Set([...transform.remove_query, ...Object.keys(transform.set_query)]);
  if (changed.size === 0) return merged;
  const kept = merged === '' ? [] : merged.split('&').filter((pair) => !changed.has(nameOf(pair)));
  const set = Object.entries(transform.set_query).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  return [...kept, ...set].join('&');
}

function nameOf(pair: string): string {
  const name = pair.split('=')[0]!.replaceAll('+', ' ');
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/**
 * Upstreams differ in what they decode, how often, and what they take for a separator. So each segment counts as one step
 * down at most, and as many steps up as any of them could read into it.
 */
function assertInside(rest: string): void {
  if (!/^[\x21-\x7e]*$/.test(rest) || rest.includes('#')) throw refused('malformed_path');
  let depth = 0;
  for (const segment of rest.split('/')) {
    const parts = fullyDecoded(segment)
      .split(/[/\\]/)
      .map((part) => part.split(';')[0]!);
    if (parts.some((part) => part.includes('\0'))) throw refused('malformed_path');
    const ups = parts.filter((part) => part === '..').length;
    depth += ups > 0 ? -ups : Number(parts.some((part) => part !== '' && part !== '.'));
    if (depth < 0) throw refused('path_outside_upstream');
  }
}

/** `%252e` is `.` to whoever decodes twice. */
function fullyDecoded(segment: string): string {
  let text = segment;
  for (let round = 0; round < 5; round++) {
    const next = text.replace(/%(2e|2f|5c|25|3b|00)/gi, (_match, hex: string) =>
      String.fromCharCode(parseInt(hex, 16)),
    );
    if (next === text) return text;
    text = next;
  }
  throw refused('malformed_path');
}

function refused(detail: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', 'the path cannot be passed on', { detail });
}
