import type { DetectorRegistration } from '../contract/registration';
import type { Upstream } from '../contract/upstream';
import { alphabetically } from '../domain/compare';
import { byVersion } from '../domain/versions';

export type DetectorUpstream = Upstream & { readonly detector: DetectorRegistration };

/** What detectors are listed by: name, then version. */
export type DetectorKey = readonly string[];

/** Shared detectors and the tenant's own, which stand before shared ones of their name, whatever their status. */
export function visibleDetectors(
  upstreams: readonly Upstream[],
  tenant: string | null,
): readonly DetectorUpstream[] {
  const detectors = upstreams.filter((upstream): upstream is DetectorUpstream => upstream.detector !== null);
  const own = detectors.filter(({ detector }) => tenant !== null && detector.tenant_id === tenant);
  const ownNames = new Set(own.map(({ detector }) => detector.name));
  const shared = detectors.filter(
    ({ detector }) => detector.tenant_scope === 'shared' && !ownNames.has(detector.name),
  );
  return [...own, ...shared].toSorted((a, b) => byNameAndVersion(detectorKey(a), detectorKey(b)));
}

/** By `name@version`, or by a bare name, which is its highest version that is not disabled (spec/gateway.md 1). */
export function detectorNamed(
  detectors: readonly DetectorUpstream[],
  reference: string,
): DetectorUpstream | undefined {
  const [name, version] = reference.split('@');
  return detectors.findLast(
    ({ detector, status }) =>
      detector.name === name &&
      (version === undefined ? status !== 'disabled' : version === detector.version),
  );
}

export function detectorKey({ detector }: DetectorUpstream): DetectorKey {
  return [detector.name, detector.version];
}

export function byNameAndVersion(a: DetectorKey, b: DetectorKey): number {
  return alphabetically(a[0] ?? '', b[0] ?? '') || byVersion(a[1] ?? '0', b[1] ?? '0');
}
