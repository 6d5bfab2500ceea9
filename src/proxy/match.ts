import type { Upstream } from '../contract/upstream';
import type { UpstreamDirectory } from '../registry/directory';

export interface Match {
  readonly upstream: Upstream;
  /** What stands behind the name, as it came: empty, or beginning with `/`. */
  readonly rest: string;
}

type Directory = Pick<UpstreamDirectory, 'upstreams' | 'byId' | 'resolve'>;

/**
 * The upstream that a path leads to, by whole segments: an id first, then version and name, then a name.
 * @param path what stands behind `/proxy/`, as it came
 */
export function matchRoute(directory: Directory, path: string): Match | null {
  const [first = '', second, ...others] = path.split('/');
  const found = proxied(directory.byId(first));
  if (found) return { upstream: found, rest: restOf([second, ...others]) };
  const versioned = second === undefined ? undefined : named(directory, second, first);
  if (versioned) return { upstream: versioned, rest: restOf(others) };
  const byName = named(directory, first);
  return byName ? { upstream: byName, rest: restOf([second, ...others]) } : null;
}

/** A name of which all versions are disabled is still there, and can be told from a typing error. */
function named(directory: Directory, name: string, version?: string): Upstream | undefined {
  return (
    proxied(directory.resolve(name, version)) ??
    directory.upstreams.find(
      ({ config }) =>
        config.kind === 'http' &&
        config.name === name &&
        (version === undefined || config.version === version),
    )
  );
}

function proxied(upstream: Upstream | undefined): Upstream | undefined {
  return upstream?.config.kind === 'http' && upstream.config.name !== undefined ? upstream : undefined;
}

function restOf(segments: readonly (string | undefined)[]): string {
  return segments.map((segment) => (segment === undefined ? '' : `/${segment}`)).join('');
}
