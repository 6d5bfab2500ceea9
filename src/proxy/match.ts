import type { Upstream } from '../contract/upstream';
import type { UpstreamDirectory } from '../registry/directory';

export interface Match {
  readonly upstream: Upstream;
  /** What stands behind the name, as it came: empty, or beginning with `/`. */
  readonly rest: string;
}

type Directory = Pick<UpstreamDirectory, 'upstreams' | 'byId' | 'resolve'>;
/** Whether requests may be passed on to an upstream. */
export type IsRouted = (upstream: Upstream) => boolean;

/**
 * The upstream that a path leads to, by whole segments: an id first, then version and name, then a name.
 * @param path what stands behind `/proxy/`, as it came
 */
export function matchRoute(directory: Directory, path: string, isRouted: IsRouted): Match | null {
  const proxied = (upstream: Upstream | undefined) => (upstream && isRouted(upstream) ? upstream : undefined);
  const [first = '', second, ...others] = path.split('/');
  const found = proxied(directory.byId(first));
  if (found) return { upstream: found, rest: restOf([second, ...others]) };
  const versioned = second === undefined ? undefined : named(directory, isRouted, second, first);
  if (versioned) return { upstream: versioned, rest: restOf(others) };
  const byName = named(directory, isRouted, first);
  return byName ? { upstream: byName, rest: restOf([second, ...others]) } : null;
}

/** A name of which all versions are disabled is still there, and can be told from a typing error. */
function named(
  directory: Directory,
  isRouted: IsRouted,
  name: string,
  version?: string,
): Upstream | undefined {
  const found = directory.resolve(name, version);
  if (found && isRouted(found)) return found;
  return directory.upstreams.find(
    (upstream) =>
      isRouted(upstream) &&
      upstream.config.name === name &&
      (version === undefined || upstream.config.version === version),
  );
}

/** Named ones of kind `http`; and, where that is wanted, detectors that are shared by all tenants. */
export function routing({ detectors }: { readonly detectors: boolean }): IsRouted {
  return ({ config, detector }) => {
    if (config.name === undefined) return false;
    return config.kind === 'http' || (detectors && detector?.tenant_scope === 'shared');
  };
}

function restOf(segments: readonly (string | undefined)[]): string {
  return segments.map((segment) => (segment === undefined ? '' : `/${segment}`)).join('');
}
