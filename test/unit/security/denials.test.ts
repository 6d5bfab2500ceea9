import { randomUUID } from 'node:crypto';
import { type Denial, Denials } from '../../../src/security/denials';

describe('Denials', () => {
  const start = Date.parse('2026-11-22T10:00:00Z');
  let written: Denial[];
  let denials: Denials;
  beforeEach(() => {
    jest.useFakeTimers({ now: start });
    written = [];
    denials = new Denials({ write: (denial) => written.push(denial) });
  });
  afterEach(() => jest.useRealTimers());

  const denial = (fields: Partial<Denial> = {}): Denial => ({
    tenantId: 'acme',
    kind: 'permission_denied',
    requestId: randomUUID(),
    record: { principal: 'key:1' },
    ...fields,
  });

  it('of a kind are two records a minute, with how many there were', () => {
    const last = denial({ own: { target: 'z' } });
    denials.note(denial({ own: { target: 'a' } }));
    jest.advanceTimersByTime(10_000);
    for (let n = 0; n < 10_000; n++) denials.note(denial());
    denials.note(last);
    expect(written).toMatchObject([{ record: { principal: 'key:1' }, own: { target: 'a' } }]);
    jest.advanceTimersByTime(50_000);
    expect(written.slice(1)).toEqual([
      {
        tenantId: 'acme',
        kind: 'permission_denied',
        requestId: last.requestId,
        record: {
          principal: 'key:1',
          repeated: 10_001,
          first_at: '2026-11-22T10:00:00.000Z',
          last_at: '2026-11-22T10:00:10.000Z',
        },
      },
    ]);
  });

  it('that come once are one record, and come anew in the next minute', () => {
    denials.note(denial());
    jest.advanceTimersByTime(60_000);
    expect(written).toHaveLength(1);
    denials.note(denial());
    expect(written).toHaveLength(2);
    jest.advanceTimersByTime(600_000);
    expect(written).toHaveLength(2);
  });

  it('that differ are told apart', () => {
    denials.note(denial());
    denials.note(denial({ kind: 'auth_failure' }));
    denials.note(denial({ tenantId: 'globex' }));
    denials.note(denial({ record: { principal: 'key:2' } }));
    expect(written).toHaveLength(4);
  });

  it('of ever more kinds are counted only, tenant by tenant', () => {
    for (let n = 0; n < 5000; n++) denials.note(denial({ record: { address: n } }));
    denials.note(denial({ tenantId: 'globex' }));
    expect(written).toHaveLength(101);
    denials.flush();
    expect(written.slice(101)).toMatchObject([
      { tenantId: 'acme', record: { various: true, repeated: 4900 } },
    ]);
  });

  it('are written when the process ends, and nothing is held after that', () => {
    denials.note(denial());
    denials.note(denial());
    denials.flush();
    expect(written).toMatchObject([{}, { record: { repeated: 1 } }]);
    denials.flush();
    expect([written.length, jest.getTimerCount()]).toEqual([2, 0]);
  });
});
