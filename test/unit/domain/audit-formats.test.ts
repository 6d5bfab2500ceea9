import type { AuditRecord } from '../../../src/contract/audit';
import { type AuditFormat, auditLine } from '../../../src/domain/audit-formats';

const record = (rest: Partial<AuditRecord> = {}): AuditRecord => ({
  sequence: 7,
  tenant_id: 'acme',
  request_id: '8f14e45f-ceea-467f-a2d1-3f1c0c4b7a10',
  kind: 'policy_change',
  at: '2026-11-22T01:02:03.456Z',
  record: { principal: 'ann', address: '10.0.0.0', action: 'activate', outcome: 'succeeded' },
  position: 3,
  previous_hash: 'aa',
  hash: 'bb',
  ...rest,
});
const line = (format: AuditFormat, rest?: Partial<AuditRecord>, version = '1.2.3', host = 'here') =>
  auditLine(format, record(rest), { version, host });

it('NDJSON is the record', () => {
  expect(JSON.parse(line('ndjson'))).toEqual(record());
});

describe('CEF', () => {
  it('has the header and the fields of the format', () => {
    expect(line('cef')).toBe(
      'CEF:0|Conclave|orchestrator|1.2.3|policy_change|policy change|3|rt=1795309323456 externalId=7 cs1Label=tenant cs1=acme cs2Label=request_id cs2=8f14e45f-ceea-467f-a2d1-3f1c0c4b7a10 cs3Label=hash cs3=bb suser=ann src=10.0.0.0 act=activate outcome=succeeded msg={"principal":"ann","address":"10.0.0.0","action":"activate","outcome":"succeeded"}',
    );
  });

  it('escapes what its header and its fields are made of', () => {
    const text = line('cef', { record: { principal: 'a=b\\c\nd\re|f' } }, '1|2\\3\n4');
    expect(text).toContain('|1\\|2\\\\3 4|');
    expect(text).toContain(' suser=a\\=b\\\\c\\nd\\re|f ');
    expect(text).not.toMatch(/[\r\n]/);
  });

  it('says no more than there is', () => {
    const text = line('cef', { hash: null, record: { principal: null, address: { nested: true } } });
    expect(text).not.toMatch(/suser=|src=|cs3=/);
  });
});

describe('Syslog', () => {
  it('is a message of RFC 5424', () => {
    expect(line('syslog')).toBe(
      '<109>1 2026-11-22T01:02:03.456Z here conclave - policy_change [conclave@32473 sequence="7" tenant="acme" request="8f14e45f-ceea-467f-a2d1-3f1c0c4b7a10" position="3" hash="bb"] \uFEFF{"principal":"ann","address":"10.0.0.0","action":"activate","outcome":"succeeded"}',
    );
  });

  it('warns of what went against the rules', () => {
    expect(line('syslog', { kind: 'permission_denied' })).toMatch(/^<108>1 /);
  });

  it('escapes its data, bounds its names and stays on a line', () => {
    const text = line(
      'syslog',
      { tenant_id: 'a"b]c\\d', kind: 'k'.repeat(40), record: { text: 'x\ny' } },
      '1',
      'ho st',
    );
    expect(text).toContain('tenant="a\\"b\\]c\\\\d"');
    expect(text).toContain(` host conclave - ${'k'.repeat(32)} [`);
    expect(text).not.toContain('\n');
    expect(line('syslog', {}, '1', '')).toContain('Z - conclave');
  });
});
