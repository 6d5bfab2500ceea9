import type { ItemAnswer, RawFinding } from '../../../src/detectors/adapter';
import { DetectorCallError } from '../../../src/detectors/call-error';
import { joinParts, type JudgedPart } from '../../../src/detectors/joined-parts';

type Findings = Extract<ItemAnswer, { kind: 'findings' }>;

function found(findings: readonly Partial<RawFinding>[], more: Partial<Findings> = {}): ItemAnswer {
  const complete = { label: 'x', score: 0.5, start: null, end: null };
  return {
    kind: 'findings',
    findings: findings.map((one) => ({ ...complete, ...one })),
    version: null,
    ...more,
  };
}

/** Parts of 10 code points that share two with the one before. */
const parts = (...answers: readonly JudgedPart['answer'][]): JudgedPart[] =>
  answers.map((answer, index) => ({ start: index * 8, length: 10, answer }));

function joined(...answers: readonly JudgedPart['answer'][]): Findings {
  const answer = joinParts(parts(...answers), false);
  if (answer instanceof DetectorCallError || answer.kind !== 'findings') throw new Error('no findings');
  return answer;
}

const spans = ({ findings }: Findings) => findings.map(({ label, start, end }) => [label, start, end]);
const outage = new DetectorCallError('http_5xx', 'down', { retryable: true });
const refusal = new DetectorCallError('http_4xx', 'refused', { retryable: false, status: 422 });

describe('joinParts', () => {
  it('puts spans where they stand in the whole', () => {
    expect(spans(joined(found([{ start: 1, end: 3 }]), found([{ start: 4, end: 6 }])))).toEqual([
      ['x', 1, 3],
      ['x', 12, 14],
    ]);
  });

  it('takes what both parts found once, and what one saw cut off at its full length', () => {
    const both = joined(found([{ start: 8, end: 10 }]), found([{ start: 0, end: 2 }]));
    expect(spans(both)).toEqual([['x', 8, 10]]);
    const cut = joined(found([{ start: 8, end: 10 }]), found([{ start: 0, end: 5 }]));
    expect(spans(cut)).toEqual([['x', 8, 13]]);
    const begun = joined(found([{ start: 6, end: 10 }]), found([{ start: 0, end: 2 }]));
    expect(spans(begun)).toEqual([['x', 6, 10]]);
  });

  it('keeps the stronger of two equal findings', () => {
    const { findings } = joined(
      found([{ start: 8, end: 10, score: 0.2 }]),
      found([{ start: 0, end: 2, score: 0.9 }]),
    );
    expect(findings.map(({ score }) => score)).toEqual([0.9]);
  });

  it('keeps other labels, and what one part itself says twice', () => {
    const answer = joined(
      found([
        { start: 0, end: 9 },
        { start: 2, end: 4 },
      ]),
      found([{ label: 'y', start: 0, end: 2 }]),
    );
    expect(spans(answer)).toEqual([
      ['x', 0, 9],
      ['x', 2, 4],
      ['y', 8, 10],
    ]);
  });

  it('takes a label without a place once, at its strongest', () => {
    const { findings } = joined(found([{ score: 0.2 }]), found([{ score: 0.7 }]), found([{ score: 0.4 }]));
    expect(findings).toEqual([{ label: 'x', score: 0.7, start: null, end: null }]);
  });

  it('says which part an unjudged stretch lies in', () => {
    const gap = { reason: 'truncated' as const, labels: null };
    const { unjudged } = joined(
      found([], { unjudged: [{ ...gap, start: 5, end: null }] }),
      found([], { unjudged: [{ ...gap, start: null, end: null }] }),
      found([], { unjudged: [{ ...gap, start: 1, end: 2 }] }),
    );
    expect(unjudged).toEqual([
      { ...gap, start: 5, end: 10 },
      { ...gap, start: 8, end: 18 },
      { ...gap, start: 17, end: 18 },
    ]);
  });

  it('leaves a part that failed for good unjudged beside what the others found', () => {
    const answer = joined(found([{ start: 0, end: 1 }]), refusal);
    expect(spans(answer)).toEqual([['x', 0, 1]]);
    expect(answer.unjudged).toEqual([{ reason: 'part_failed', start: 8, end: 18, labels: null }]);
  });

  it('fails as a whole while another attempt is worth it, or when every part failed', () => {
    expect(joinParts(parts(found([]), outage), true)).toBe(outage);
    expect(joinParts(parts(found([]), outage), false)).toMatchObject({
      unjudged: [{ reason: 'part_failed' }],
    });
    expect(joinParts(parts(refusal, outage), false)).toBe(outage);
    expect(joinParts(parts(refusal, refusal), true)).toBe(refusal);
  });

  it('stays quick with as many findings as an answer may hold', () => {
    const many = Array.from({ length: 50_000 }, () => ({ start: 8, end: 10 }));
    expect(spans(joined(found(many), found(many.map(() => ({ start: 0, end: 2 })))))).toHaveLength(50_000);
  });
});
