import type { RegistryEntry } from '../../../src/contract/registry-entry';
import { endpointSchema } from '../../../src/contract/upstream';
import { nowKnown, planSync, unknownOf } from '../../../src/domain/registry-sync';
import { listedDetector, listedEndpoint } from '../../../src/registry/registry-file';
import { registration } from './support';

const file = { source: 'config', origin: 'file' } as const;
const api = { source: 'manual', origin: 'api' } as const;
const before = '2026-11-21T10:00:00.000Z';
const now = '2026-11-21T11:00:00.000Z';

const detector = (name: string, rest: Record<string, unknown> = {}) =>
  listedDetector(registration(name, rest));
const endpoint = (name: string, url: string, rest: object = {}) =>
  listedEndpoint(endpointSchema.parse({ name, url, ...rest }));
const entry = (listed: ReturnType<typeof detector>, over: Partial<RegistryEntry> = {}): RegistryEntry => ({
  ...listed,
  ...file,
  status: 'active',
  traffic_percent: listed.detector?.traffic_percent ?? 100,
  ttl_seconds: null,
  registration_time: before,
  updated_at: before,
  ...over,
});
const putOf = ({ writes }: ReturnType<typeof planSync>, id: string) =>
  writes.flatMap((write) => (write.kind === 'put' && write.entry.endpoint_id === id ? [write.entry] : []))[0];

describe('planSync', () => {
  it('adds, updates and removes exactly the difference [R7]', () => {
    const kept = detector('kept');
    const plan = planSync(
      file,
      [entry(kept), entry(detector('changed')), entry(detector('gone')), entry(detector('by-hand'), api)],
      [kept, detector('changed', { timeout_ms: 100 }), detector('new')],
      now,
    );
    expect(plan).toMatchObject({
      added: ['new@1.0'],
      updated: ['changed@1.0'],
      removed: ['gone@1.0'],
      unchanged: 1,
      takenOver: [],
      errors: [],
    });
    expect(plan.writes).toHaveLength(3);
    expect(putOf(plan, 'changed@1.0')).toMatchObject({ registration_time: before, updated_at: now });
    expect(putOf(plan, 'new@1.0')).toMatchObject({ source: 'config', registration_time: now });
  });

  it('writes nothing when nothing differs', () => {
    const listed = [detector('a'), endpoint('b', 'https://b.example')];
    expect(
      planSync(
        file,
        listed.map((one) => entry(one)),
        listed,
        now,
      ).writes,
    ).toEqual([]);
  });

  it('takes over what was registered by hand under the same id, and says so', () => {
    const plan = planSync(file, [entry(detector('a'), api)], [detector('a')], now);
    expect(plan).toMatchObject({ updated: ['a@1.0'], takenOver: ['a@1.0'] });
    expect(putOf(plan, 'a@1.0')).toMatchObject({ source: 'config', origin: 'file' });
  });

  it('leaves out one that another is in the way of, and applies the others [R8]', () => {
    const taken = entry(endpoint('by-hand', 'https://same.example'), api);
    const plan = planSync(file, [taken], [endpoint('a', 'https://Same.example/'), detector('b')], now);
    expect(plan.errors).toEqual([{ endpoint_id: 'a', message: 'by-hand (manual) is in the way' }]);
    expect(plan.added).toEqual(['b@1.0']);
  });

  it('moves an address from one of its entries to another', () => {
    const plan = planSync(
      file,
      [entry(endpoint('old', 'https://x.example'))],
      [endpoint('new', 'https://x.example')],
      now,
    );
    expect(plan).toMatchObject({ added: ['new'], removed: ['old'], errors: [] });
  });

  it('keeps what operators did: taken out stays out, a split holds until the file changes its own', () => {
    const rest = { timeout_ms: 100 };
    const split = entry(detector('a'), { traffic_percent: 5, status: 'inactive' });
    const changed = planSync(file, [split], [detector('a', rest)], now);
    expect(putOf(changed, 'a@1.0')).toMatchObject({ traffic_percent: 5, status: 'inactive' });
    const resplit = planSync(file, [split], [detector('a', { traffic_percent: 50 })], now);
    expect(putOf(resplit, 'a@1.0')).toMatchObject({ traffic_percent: 50 });
  });

  it('takes the disabled flag from the file, both ways', () => {
    const off = endpoint('a', 'https://a.example', { disabled: true });
    const on = endpoint('a', 'https://a.example');
    expect(putOf(planSync(file, [entry(on)], [off], now), 'a')?.status).toBe('disabled');
    expect(putOf(planSync(file, [entry(off, { status: 'disabled' })], [on], now), 'a')?.status).toBe(
      'active',
    );
  });
});

describe('Detectors that have not said what they can do', () => {
  const said = { supported_content_types: ['text', 'code'], origin: 'fetched' };
  const assumed = { capabilities: { origin: 'assumed' } };
  const silent = detector('silent', assumed);
  const heard = detector('heard', { capabilities: said });

  it('are those whose entry says so, whatever the file knows', () => {
    const listed = [
      silent,
      detector('heard', assumed),
      detector('gone', assumed),
      endpoint('b', 'https://b.example'),
    ];
    expect(unknownOf(listed, [entry(silent), entry(heard), entry(listed[3]!)])).toEqual([silent]);
  });

  it('change by what they say now, and only while they are who was asked', () => {
    const answer = detector('silent', { capabilities: said, timeout_ms: 100 });
    const other = detector('silent', { ...assumed, endpoint: 'http://127.0.0.1:8' });
    expect(nowKnown([answer], [entry(silent), entry(heard)], now)).toEqual([
      {
        ...entry(silent),
        detector: { ...silent.detector, capabilities: answer.detector!.capabilities },
        updated_at: now,
      },
    ]);
    expect(nowKnown([answer], [entry(other)], now)).toEqual([]);
    expect(nowKnown([silent], [entry(silent)], now)).toEqual([]);
    expect(nowKnown([answer], [entry(heard)], now)).toEqual([]);
  });
});
