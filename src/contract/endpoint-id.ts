/** The same in every process and after a restart (spec/gateway.md 1). */
export function endpointIdOf(name: string, version: string | undefined): string {
  return version === undefined ? name : `${name}@${version}`;
}

/** A tenant's own detectors are told apart by tenant. */
export function detectorEndpointId(detector: {
  readonly name: string;
  readonly version: string;
  readonly tenant_id?: string | undefined;
}): string {
  const id = endpointIdOf(detector.name, detector.version);
  return detector.tenant_id === undefined ? id : `${detector.tenant_id}:${id}`;
}
