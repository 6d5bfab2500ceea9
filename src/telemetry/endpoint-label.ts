/** The `endpoint_id` of a series: that of a tenant's own detector names the tenant, which no such label may. */
export function endpointLabel(endpointId: string): string {
  return endpointId.replace(/^[^:]+:/, 'own:');
}
