import type { OrchestrationResponse } from '../../../src/contract/answer';
import { judgementOf, type Reading } from '../../../src/domain/judgement';
import { resultWithoutAnswer } from '../../../src/domain/results';

const reading: Reading = {
  categoryOf: (_detector, label) =>
    label === 'insult' ? 'HARM.SPEECH.Insult' : label === 'language_de' ? 'OTHER.NeedsReview' : null,
  benignLabels: new Set(['clean', 'fine']),
  ignoredCategories: ['OTHER'],
  threshold: 0.5,
};

type Said = readonly [output: string, confidence: number | null, ...findings: (readonly [string, number])[]];

function answer(winner: string | null, ...said: Said[]): OrchestrationResponse {
  return {
    detector_results: said.map(([output, confidence, ...findings], index) => ({
      ...resultWithoutAnswer(`d${index}`, 'cancelled'),
      status: 'success',
      error: null,
      output,
      confidence,
      findings: findings.map(([label, strength]) => ({
        label,
        strength,
        raw_strength: strength,
        start: 0,
        end: 1,
        fingerprint: 'f',
      })),
    })),
    aggregated_payload: winner === null ? null : { output: winner, metadata: {} },
  } as unknown as OrchestrationResponse;
}

const flagged = (...parts: Parameters<typeof answer>) => judgementOf(answer(...parts), reading).flagged;

describe('judgementOf', () => {
  it('flags a finding of strength, whatever the verdict', () => {
    expect(flagged('clean', ['clean', 0.6], ['insult', 0.9, ['insult', 0.9]])).toBe(true);
    expect(flagged('clean', ['clean', 0.6], ['insult', 0.4, ['insult', 0.4]])).toBe(false);
  });

  it('flags by the verdict, however weak', () => {
    expect(flagged('insult', ['insult', 0.1, ['insult', 0.1]])).toBe(true);
  });

  it('flags a label that no map knows', () => {
    expect(flagged(null, ['odd', 0.5, ['odd', 0.5]])).toBe(true);
  });

  it.each(['clean', 'CLEAN', 'fine', 'language_de'])('does not flag %s', (label) => {
    const { flagged: isFlagged, signals } = judgementOf(answer(label, [label, 1]), reading);
    expect([isFlagged, signals.length]).toEqual([false, 1]);
  });

  it('takes a verdict without findings for a signal about the whole, at full strength when it has none', () => {
    expect(judgementOf(answer(null, ['insult', null]), reading).signals).toEqual([
      {
        detector: 'd0',
        label: 'insult',
        category: 'HARM.SPEECH.Insult',
        strength: 1,
        start: null,
        end: null,
        benign: false,
        flags: true,
      },
    ]);
  });

  it('does not count an output twice that is a finding', () => {
    expect(
      judgementOf(answer(null, ['insult', 0.9, ['insult', 0.9], ['insult', 0.7]]), reading).signals,
    ).toHaveLength(2);
  });

  it('hears nothing from detectors that gave no answer', () => {
    const silent = { ...answer(null), detector_results: [resultWithoutAnswer('d', 'http_5xx')] };
    expect(judgementOf(silent, reading)).toEqual({ flagged: false, signals: [] });
  });
});
