import { type JudgedRecord, judgedRecordSchema } from '../../../src/contract/evidence';
import { approvalIn } from '../../../src/domain/evidence-approvals';
import { evidenceLimits } from '../../../src/domain/evidence-limits';
import { evidenceControls, evidenceMapping, type FrameworkFacts } from '../../../src/domain/evidence-mapping';
import { EvidenceSummary } from '../../../src/domain/evidence-summary';
import { VersionsInUse } from '../../../src/domain/evidence-versions';
import { Outages } from '../../../src/domain/outages';

const facts: FrameworkFacts = {
  controls: [
    { id: 'C1', title: 'One' },
    { id: 'C2', title: 'Two' },
    { id: 'C3', title: 'Three' },
    { id: 'C4', title: 'Four' },
  ],
  references: new Map([
    ['PII.Email', new Set(['C2', 'C1'])],
    ['HARM.Speech', new Set(['C1'])],
    ['HARM.Other', new Set(['C4'])],
    ['OTHER.Benign', new Set<string>()],
  ]),
  replacements: new Map([['PII.Mailbox', 'PII.Email']]),
};

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const mapped = (categories: string[], rest: Partial<JudgedRecord> = {}): JudgedRecord => ({
  http_status: 200,
  verdict: 'adverse',
  coverage: 1,
  mapping: 'mapped',
  categories,
  data_versions: { taxonomy: '3.0.0', frameworks: '2.0.0' },
  ...rest,
});
const judged = (record: JudgedRecord, source: JudgedRecord | null = null, second = 0) => ({
  ...{ sequence: 7, request_id: 'r', at: at(second), record, source },
});
const mappingOf = (...given: Parameters<typeof judged>) => evidenceMapping(judged(...given), facts);

describe('A verdict', () => {
  it('is evidence for the controls of its categories, each once, in the order of the framework', () => {
    expect(mappingOf(mapped(['PII.Email', 'HARM.Speech']))).toEqual({
      sequence: 7,
      request_id: 'r',
      at: at(0),
      answered_from: null,
      http_status: 200,
      verdict: 'adverse',
      coverage: 1,
      mapping: 'mapped',
      categories: ['PII.Email', 'HARM.Speech'],
      controls: ['C1', 'C2'],
      taxonomy: '3.0.0',
    });
  });

  it('keeps a category that was retired since, which counts as the one that stands in for it', () => {
    expect(mappingOf(mapped(['PII.Mailbox']))).toMatchObject({
      categories: ['PII.Mailbox'],
      controls: ['C1', 'C2'],
    });
  });

  it('that was answered from another’s run is what that run found', () => {
    const hit = { http_status: 200, answered_from: { request_id: 'first' } };
    expect(mappingOf(hit, mapped(['HARM.Speech'], { coverage: 0.5 }))).toMatchObject({
      answered_from: 'first',
      verdict: 'adverse',
      coverage: 0.5,
      controls: ['C1'],
    });
    expect(mappingOf(hit)).toMatchObject({ mapping: 'source_gone', verdict: null, controls: [] });
  });

  it.each([
    ['mapping was off', { mapping: 'off' }, 'off'],
    ['the mapper failed', { mapping: 'failed' }, 'failed'],
    ['there was nothing to map', { mapping: 'skipped' }, 'skipped'],
    ['the payload was not sound', { mapping: 'invalid_payload' }, 'skipped'],
    ['an older release mapped', { mapping: 'mapped', categories: null }, 'not_recorded'],
    ['a release said nothing of it', { mapping: null }, 'not_recorded'],
    ['an error is all there is', { mapping: null, http_status: 500 }, 'skipped'],
  ])('has no controls where %s, and says why', (_name, record, state) => {
    expect(mappingOf({ categories: ['PII.Email'], ...record })).toMatchObject({
      mapping: state,
      categories: [],
      controls: [],
    });
  });

  it('is none where it ended with an error, and not on record where a release did not put it there', () => {
    expect(mappingOf({ http_status: 502 }).verdict).toBe('none');
    expect(mappingOf({ http_status: 200 }).verdict).toBeNull();
  });

  it('is read from records of any release', () => {
    const odd = { http_status: 'x', results: [{ detector: 1 }], categories: 'PII', coverage: 0.5, other: 1 };
    expect(judgedRecordSchema.parse(odd)).toEqual({
      http_status: null,
      results: null,
      categories: null,
      coverage: 0.5,
    });
  });
});

describe('A summary', () => {
  const summary = new EvidenceSummary(facts);
  const verdicts = [
    mappingOf(mapped(['PII.Email', 'PII.Mailbox']), null, 1),
    mappingOf(mapped(['HARM.Speech'], { coverage: 0.5 }), null, 2),
    mappingOf(mapped(['OTHER.Benign'], { verdict: 'benign' }), null, 3),
    mappingOf({ mapping: 'off', verdict: 'adverse', coverage: null }, null, 4),
    mappingOf({ http_status: 200, answered_from: { request_id: 'gone' } }, null, 5),
  ];
  for (const verdict of verdicts) summary.addVerdict(verdict);
  const { figures } = summary;

  it('counts all verdicts, with their coverage where it is on record', () => {
    expect(figures.verdicts).toEqual({
      ...{ total: 5, adverse: 3, benign: 1, none: 0, refused: 0, not_recorded: 1 },
      mean_coverage: 0.833333,
      less_than_full_coverage: 1,
      answered_from_others: 1,
      mapping: { mapped: 3, off: 1, skipped: 0, failed: 0, not_recorded: 0, source_gone: 1 },
    });
  });

  it('says of each control which verdicts are evidence for it', () => {
    expect(figures.controls.map(({ control_id, verdicts: { total } }) => [control_id, total])).toEqual([
      ['C1', 2],
      ['C2', 1],
      ['C3', 0],
      ['C4', 0],
    ]);
    expect(figures.controls[0]).toEqual({
      control_id: 'C1',
      title: 'One',
      verdicts: {
        ...{ total: 2, adverse: 2, benign: 0, none: 0, refused: 0, not_recorded: 0 },
        mean_coverage: 0.75,
        less_than_full_coverage: 1,
      },
      by_category: { 'PII.Email': 1, 'PII.Mailbox': 1, 'HARM.Speech': 1 },
      first_at: at(1),
      last_at: at(2),
    });
  });

  it('tells controls without evidence from those that no category is evidence for', () => {
    expect(figures.without_evidence).toEqual(['C4']);
    expect(figures.never_evidenced).toEqual(['C3']);
    expect(evidenceControls(facts).map(({ categories }) => categories)).toEqual([
      ['PII.Email', 'HARM.Speech'],
      ['PII.Email'],
      [],
      ['HARM.Other'],
    ]);
  });

  it('has what must not be concluded from it in sentences', () => {
    const limits = evidenceLimits(figures, { madeUnreadable: 2, isCut: true }).join('\n');
    for (const said of ['1 verdicts have no categories: mapping was off', 'from is past its retention', 'C3'])
      expect(limits).toContain(said);
    expect(limits).toContain('In 2 events');
    expect(limits).toContain('was removed');
    const without = evidenceLimits(new EvidenceSummary({ ...facts, controls: [] }).figures, {
      madeUnreadable: 0,
      isCut: false,
    });
    expect(without).toHaveLength(3);
  });

  it('has the mean and the longest time that incidents took, and how many are open', () => {
    const own = new EvidenceSummary(facts);
    expect(own.figures.incidents).toEqual({
      ...{ resolved: 0, open: 0, mean_seconds_to_resolve: null, longest_seconds: null },
    });
    const incident = (seconds: number | null) => ({ seconds_to_resolve: seconds }) as never;
    for (const seconds of [10, 30, null]) own.addIncident(incident(seconds));
    expect(own.figures.incidents).toEqual({
      ...{ resolved: 2, open: 1, mean_seconds_to_resolve: 20, longest_seconds: 30 },
    });
  });

  it('counts decisions by what was decided', () => {
    const own = new EvidenceSummary(facts);
    for (const decision of ['approve', 'put', 'approve']) own.addApproval({ decision } as never);
    expect(own.figures.approvals).toEqual({ approve: 2, put: 1 });
  });
});

describe('An outage of a detector', () => {
  type Result = NonNullable<JudgedRecord['results']>[number];
  const failed = (detector: string, failure_cause: Result['failure_cause'] = 'outage'): Result => ({
    ...{ detector, status: 'failed', failure_cause },
  });
  const fine = (detector: string): Result => ({ detector, status: 'success' });
  const over = (...verdicts: { results?: Result[]; unavailable?: string[] }[]) => {
    const outages = new Outages();
    const ended = verdicts.flatMap((record, second) =>
      outages.see({ request_id: `r${second}`, at: at(second), record }),
    );
    return { ended, open: outages.unresolved };
  };

  it('lasts from the first verdict without it to the first with it again', () => {
    const { ended, open } = over(
      { results: [fine('a'), fine('b')] },
      { results: [failed('a'), fine('b')] },
      { results: [failed('a', 'timeout'), fine('b')] },
      { results: [fine('b')] },
      { results: [fine('a'), fine('b')] },
    );
    expect(ended).toEqual([
      {
        detector: 'a',
        opened_at: at(1),
        opened_by: 'r1',
        resolved_at: at(4),
        resolved_by: 'r4',
        seconds_to_resolve: 3,
        verdicts: 2,
        causes: { outage: 1, timeout: 1 },
      },
    ]);
    expect(open).toEqual([]);
  });

  it('goes on while it is known to be down, or something stands in for it, and is open if it never answers', () => {
    const standIn: Result = { detector: 'a', status: 'success', stand_in: { cause: 'overload' } };
    const { ended, open } = over(
      { results: [], unavailable: ['a'] },
      { results: [standIn] },
      { results: [{ detector: 'a', status: 'skipped' }] },
      { results: [{ detector: 'a', status: 'unavailable' }], unavailable: ['a'] },
    );
    expect(ended).toEqual([]);
    expect(open).toMatchObject([{ detector: 'a', resolved_at: null, seconds_to_resolve: null, verdicts: 3 }]);
    expect(open[0]!.causes).toEqual({ known_down: 1, overload: 1, unavailable: 1 });
  });

  it('is none where records say nothing of detectors', () => {
    expect(over({}, {})).toEqual({ ended: [], open: [] });
  });
});

describe('Decisions', () => {
  const recorded = (kind: string, record: Record<string, string>) => ({
    ...{ sequence: 1, request_id: 'r', at: at(0), kind, record },
  });
  it('are those on policies and on entries of the allow-list', () => {
    const policy = { principal: 'bob', resource: 'policy/default', what: 'approve', version: '1.1' };
    expect(approvalIn(recorded('policy_change', { ...policy, policy_digest: 'd' }))).toMatchObject({
      ...{ resource: 'policy/default', decision: 'approve', by: 'bob', version: '1.1', digest: 'd' },
    });
    const entry = { entry_id: 'e', action: 'propose', by: 'ann' };
    expect(approvalIn(recorded('allow_list_change', entry))).toMatchObject({
      ...{ resource: 'allow-list/e', decision: 'propose', by: 'ann', version: null },
    });
    expect(approvalIn(recorded('operation', entry))).toBeNull();
    expect(approvalIn(recorded('policy_change', {}))).toMatchObject({ decision: 'changed', by: null });
  });
});

describe('Versions', () => {
  it('are told with how many verdicts they made, from when to when', () => {
    const versions = new VersionsInUse();
    const policy = { bundle: 'default', version: '1.0', digest: 'x' };
    versions.add(at(1), {
      policy,
      planned: ['a@1', 'b@1'],
      data_versions: { taxonomy: '3', frameworks: null },
    });
    versions.add(at(2), { policy, planned: ['a@1'] });
    versions.add(at(3), { policy: { ...policy, version: '1.1' } });
    expect(versions.figures).toEqual({
      policies: [
        { ...policy, verdicts: 2, first_at: at(1), last_at: at(2) },
        { ...policy, version: '1.1', verdicts: 1, first_at: at(3), last_at: at(3) },
      ],
      detectors: [
        { detector: 'a@1', verdicts: 2, first_at: at(1), last_at: at(2) },
        { detector: 'b@1', verdicts: 1, first_at: at(1), last_at: at(1) },
      ],
      taxonomies: [{ version: '3', verdicts: 1, first_at: at(1), last_at: at(1) }],
      frameworks: [],
    });
  });
});
