import type { TenantPolicy } from '../contract/policy';
import { canonicalDigest, type RegoSource } from './bundle';

/** A bundle among others: of one tenant, or of all. */
export interface Sibling {
  readonly policy: TenantPolicy;
  readonly sources: readonly RegoSource[];
}

/** What a tenant can mean only once, wherever it is said. */
const tenantWide = ['audit_retention_days'];

/** Where a bundle contradicts its tenant's other ones, or cannot be told from them: a line for each. */
export function conflictsWith(bundle: Sibling, others: readonly Sibling[]): string[] {
  const { tenant_id: tenant, policy_bundle: name } = bundle.policy;
  return others.flatMap((other) => {
    const { tenant_id: otherTenant, policy_bundle: otherName } = other.policy;
    if (otherTenant !== tenant) {
      const twin = otherTenant.toLowerCase() === tenant.toLowerCase();
      return twin && otherName.toLowerCase() === name.toLowerCase()
        ? [`the tenants ${tenant} and ${otherTenant} differ only by case`]
        : [];
    }
    if (otherName === name) return [];
    const lines: string[] = [];
    if (otherName.toLowerCase() === name.toLowerCase())
      lines.push(`${name} and ${otherName} differ only by case: one folder where the file system ignores it`);
    if (rulesOf(other) === rulesOf(bundle))
      lines.push(`decides exactly as ${otherName} does: a change to one will be forgotten in the other`);
    for (const key of tenantWide) {
      const [own, theirs] = [bundle.policy.policy_data[key], other.policy.policy_data[key]];
      if (own === undefined || theirs === undefined || JSON.stringify(own) === JSON.stringify(theirs))
        continue;
      lines.push(
        `policy_data.${key} is ${JSON.stringify(own)} here and ${JSON.stringify(theirs)} in ${otherName}`,
      );
    }
    return lines;
  });
}

function rulesOf({ policy, sources }: Sibling): string {
  const { policy_bundle: _name, version: _version, ...rules } = policy;
  return canonicalDigest({ rules, sources });
}
