import type { DetectorResult, Finding } from '../../../src/contract/detector-result';
import { withoutSuppressions, withSuppressions } from '../../../src/domain/suppression';
import { verdictOf } from '../../../src/domain/verdict';
import { success } from './support';

/** Findings whose fingerprint is `a…` are under the entry `entry-a…`. */
const allowed = (_detector: string, { fingerprint }: Finding) =>
  fingerprint.startsWith('a') ? `entry-${fingerprint}` : null;

function finding(label: string, strength: number, fingerprint: string, more: Partial<Finding> = {}): Finding {
  return { label, raw_strength: strength, strength, start: 0, end: 3, fingerprint, ...more };
}

/** Of a detector that reports findings. */
function found(...findings: Finding[]): DetectorResult {
  const { output, confidence } = verdictOf(findings);
  return {
    ...success('pii', output, confidence),
    metadata: { attempts: 1, raw_confidence: confidence },
    findings,
  };
}

/** Of a detector that gives one verdict, with scores beside it. */
function judged(output: string, confidence: number | null, ...findings: Finding[]): DetectorResult {
  return { ...success('toxicity', output, confidence), findings };
}

const said = ({ output, confidence }: DetectorResult) => [output, confidence];

describe('withSuppressions', () => {
  it('leaves a result that holds nothing allowed as it is', () => {
    const result = found(finding('email', 0.9, 'x'));
    expect(withSuppressions(result, allowed)).toBe(result);
  });

  it('is clean when all that was found is allowed, and says under which entry, and what it was before', () => {
    const result = withSuppressions(found(finding('email', 0.9, 'a1')), allowed);
    expect(said(result)).toEqual(['clean', 0.6]);
    expect(result.status).toBe('success');
    expect(result.findings).toEqual([finding('email', 0.9, 'a1', { suppressed_by: 'entry-a1' })]);
    expect(result.unsuppressed).toEqual({ output: 'email', confidence: 0.9 });
    expect(result.metadata).toEqual({ attempts: 1 });
  });

  it('says the strongest of what is left, however weak', () => {
    const result = withSuppressions(found(finding('email', 0.9, 'a1'), finding('phone', 0.2, 'x')), allowed);
    expect(said(result)).toEqual(['phone', 0.2]);
    expect(result.metadata).toEqual({ attempts: 1, raw_confidence: 0.2 });
  });

  it('goes on saying what was found elsewhere, too', () => {
    const result = withSuppressions(found(finding('email', 0.9, 'a1'), finding('email', 0.7, 'x')), allowed);
    expect(said(result)).toEqual(['email', 0.7]);
  });

  it('leaves the verdict when only weaker findings are allowed', () => {
    const result = withSuppressions(found(finding('email', 0.9, 'x'), finding('phone', 0.8, 'a1')), allowed);
    expect(said(result)).toEqual(['email', 0.9]);
    expect(result).not.toHaveProperty('unsuppressed');
    expect(result.findings[1]).toHaveProperty('suppressed_by', 'entry-a1');
  });

  it('is never clean while there may be findings that nobody has seen', () => {
    const result = withSuppressions(
      { ...found(finding('email', 0.9, 'a1')), findings_truncated: true },
      allowed,
    );
    expect(said(result)).toEqual(['email', 0.9]);
  });

  describe('of a detector that gives a verdict', () => {
    const own = (fingerprint: string) => finding('toxic', 0.9, fingerprint, { verdict: true });

    it.each([
      ['clean, scores below one half being no finding', [finding('hate', 0.49, 'x')], ['clean', 0.6]],
      ['the label that stands by itself', [finding('hate', 0.5, 'x')], ['hate', 0.5]],
      ['clean, whatever the score of a benign label', [finding('safe', 0.99, 'x')], ['clean', 0.6]],
    ] as const)('without its verdict it is %s', (_what, scores, expected) => {
      expect(said(withSuppressions(judged('toxic', 0.9, own('a1'), ...scores), allowed))).toEqual(expected);
    });

    it('keeps its verdict when only scores beside it are allowed', () => {
      const result = withSuppressions(judged('toxic', 0.9, own('x'), finding('hate', 0.9, 'a1')), allowed);
      expect(said(result)).toEqual(['toxic', 0.9]);
    });

    it('that there is nothing cannot be suppressed', () => {
      const result = judged('clean', 0.9, finding('clean', 0.9, 'a1'), finding('hate', 0.1, 'x'));
      expect(withSuppressions(result, allowed)).toBe(result);
    });
  });

  it.each(['failed', 'timeout', 'unavailable', 'skipped'] as const)(
    'leaves a detector that has %s',
    (status) => {
      const result = { ...found(finding('email', 0.9, 'a1')), status };
      expect(withSuppressions(result, allowed)).toBe(result);
    },
  );

  it('can be undone', () => {
    const results = [
      found(finding('email', 0.9, 'a1'), finding('phone', 0.2, 'x')),
      found(finding('email', 0.9, 'x'), finding('phone', 0.2, 'a1')),
      judged('toxic', null, finding('toxic', 1, 'a1', { verdict: true })),
      found(),
    ].map((result) => ({ ...result, metadata: null }));
    for (const result of results)
      expect(withoutSuppressions(withSuppressions(result, allowed))).toEqual(result);
  });
});
