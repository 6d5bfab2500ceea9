/** The `endpoint_id` of a series: that of a tenant's own detector names the tenant, which no such label may. */
export function endpointLabel(endpointId: string): string {
  return endpointId.replace(/^[^:]+:/, 'own:');
}

/** Those of upstreams that are gone whose series go with them: another that is left may have the same label. */
export function withoutNamesakes(gone: readonly string[], left: readonly string[]): string[] {
  const labels = new Set(left.map(endpointLabel));
  return gone.filter((endpointId) => !labels.has(endpointLabel(endpointId)));
}
