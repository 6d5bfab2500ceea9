import { randomUUID } from 'node:crypto';
import { eventually } from '../../support/eventually';
import type { ErrorResponse } from '../../../src/contract/answer';
import { System } from '../../support/system';
import { read, sumOf } from '../telemetry/page';

const injection = `x'; DROP TABLE audit; -- ${randomUUID()}`;

let system: System;
beforeAll(async () => {
  system = await System.start({ detectors: ['a'], policies: { 'demo/default': { policy: {} } } });
});
afterAll(() => system?.stop());

interface AuditRow {
  readonly tenant_id: string;
  readonly record: object;
}

const recorded = (requestId: string) =>
  eventually(
    async () =>
      (
        await system.db.query<AuditRow>(
          `select tenant_id, record from audit where request_id = $1 and kind = 'waf_blocked'`,
          [requestId],
        )
      ).rows,
    (rows) => rows.length > 0,
  );

const counted = async (labels: Record<string, string>) =>
  sumOf(read(await (await fetch(`${system.url}/metrics`)).text()), 'orchestrator_waf_events_total', labels);

describe('The firewall', () => {
  it('blocks an injection in a header and in metadata, and judges the same text as content [F.5]', async () => {
    const asContent = await system.orchestrate({ content: injection });
    expect(asContent.status).toBe(200);
    const inHeader = await system.orchestrate<ErrorResponse>({}, { 'X-Note': injection });
    const inMetadata = await system.orchestrate<ErrorResponse>({ metadata: { note: injection } });
    expect([inHeader, inMetadata].map(({ status, body }) => [status, body.error_code, body.detail])).toEqual([
      [400, 'INVALID_REQUEST', 'waf_blocked'],
      [400, 'INVALID_REQUEST', 'waf_blocked'],
    ]);
    expect(inHeader.body.field_errors).toMatchObject([{ path: 'x-note' }]);
    expect(inMetadata.body.field_errors).toMatchObject([{ path: 'metadata.note' }]);
    expect(inHeader.text + inMetadata.text).not.toContain('DROP');
  });

  it('counts it, and puts it on record without its text [F.5]', async () => {
    const before = await counted({ attack_type: 'sql_injection', action: 'blocked' });
    const { body } = await system.orchestrate<ErrorResponse>(
      { metadata: { note: injection } },
      { 'X-Tenant-ID': 'demo' },
    );
    expect(await recorded(body.request_id)).toEqual([
      {
        tenant_id: 'demo',
        record: {
          attack_type: 'sql_injection',
          level: 'critical',
          rule: 'sql_stacked',
          where: 'metadata.note',
          method: 'POST',
          principal: 'anonymous',
          address: '127.0.0.0',
        },
      },
    ]);
    expect(await counted({ attack_type: 'sql_injection', action: 'blocked' })).toBe(before + 1);
  });
});
