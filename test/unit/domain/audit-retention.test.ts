import { auditRetentionDays, longestDays } from '../../../src/domain/audit-retention';

describe('Audit records are kept', () => {
  it.each<[string, Record<string, unknown>[], number]>([
    ['a year, when nothing is said', [], 365],
    ['no shorter than that', [{ audit_retention_days: 30 }], 365],
    ['as long as a bundle says', [{ audit_retention_days: 800 }], 800],
    [
      'as long as the bundle that says most',
      [{ audit_retention_days: 800 }, { audit_retention_days: 400 }],
      800,
    ],
    ['as a framework asks', [{ compliance_framework: 'HIPAA' }], 2555],
    ['as the strictest framework asks', [{ compliance_framework: ['SOC 2', 'EU AI Act'] }], 1095],
    [
      'as a bundle says where that is longer',
      [{ compliance_framework: 'ISO 27001', audit_retention_days: 2000 }],
      2000,
    ],
    [
      'a year, for what is no number and no framework',
      [{ audit_retention_days: '900', compliance_framework: 7 }],
      365,
    ],
  ])('%s', (_how, data, days) => {
    expect(auditRetentionDays(data)).toBe(days);
  });

  it('as long as any framework asks, where they are of no single tenant', () => {
    expect(longestDays).toBe(2555);
  });
});
