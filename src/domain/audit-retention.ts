import { own } from './collections';

const usualDays = 365;
/** What a framework asks for at least (spec/orchestration.md 1.12); names as people write them. */
const frameworkDays: Readonly<Record<string, number>> = {
  soc2: 365,
  iso27001: 1095,
  gdpr: 1095,
  euaiact: 1095,
  hipaa: 2555,
};
/** For records of no single tenant: as long as any framework asks for. */
export const longestDays = Math.max(...Object.values(frameworkDays));

/** How long a tenant's records are kept: the longest that any of its bundles asks for. @param data `policy_data` of each */
export function auditRetentionDays(data: readonly Readonly<Record<string, unknown>>[]): number {
  return Math.max(usualDays, ...data.flatMap((bundle) => [...daysIn(bundle)]));
}

function daysIn(data: Readonly<Record<string, unknown>>): number[] {
  const days = own(data, 'audit_retention_days');
  const named = own(data, 'compliance_framework');
  const frameworks = (Array.isArray(named) ? named : [named]).filter((name) => typeof name === 'string');
  return [
    ...(Number.isInteger(days) ? [days as number] : []),
    ...frameworks.map((name) => own(frameworkDays, name.toLowerCase().replace(/[^a-z0-9]/g, '')) ?? 0),
  ];
}
