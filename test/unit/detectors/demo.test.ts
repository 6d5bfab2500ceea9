import { demoEchoDetector, demoPiiDetector, demoToxicityDetector } from '../../../src/detectors/builtin/demo';

describe('demo-echo', () => {
  it('echoes the whole text at 0.5, counted in code points', () => {
    expect(demoEchoDetector.detect('a 👩‍👩‍👧\nb')).toEqual([
      { start: 0, end: 9, label: 'echo', type: 'demo', score: 0.5 },
    ]);
  });

  it('has nothing to echo in an empty text', () => {
    expect(demoEchoDetector.detect('')).toEqual([]);
  });
});

describe('demo-toxicity', () => {
  it('reports each of its three words in any case, behind emoji and combining marks', () => {
    expect(demoToxicityDetector.detect('🙂 e\u0301 TOXIC hate, Abuse')).toEqual([
      { start: 5, end: 10, label: 'toxic', type: 'demo', score: 0.9 },
      { start: 11, end: 15, label: 'toxic', type: 'demo', score: 0.9 },
      { start: 17, end: 22, label: 'toxic', type: 'demo', score: 0.9 },
    ]);
  });

  it('leaves longer words alone', () => {
    expect(demoToxicityDetector.detect('Detoxication whatever abused')).toEqual([]);
  });
});

describe('demo-pii', () => {
  it('prefers the number to the address', () => {
    expect(demoPiiDetector.detect('💳 jo@example.org has 123-45-6789')).toEqual([
      { start: 21, end: 32, label: 'ssn_detected', type: 'demo', score: 0.95 },
    ]);
  });

  it('reports addresses when there is no number', () => {
    expect(demoPiiDetector.detect('💳 jo@example.org')).toEqual([
      { start: 2, end: 16, label: 'email_detected', type: 'demo', score: 0.85 },
    ]);
  });

  it('reports nothing otherwise, and judges at most 10,000 code points', () => {
    expect(demoPiiDetector.detect('12-345-6789 jo@example')).toEqual([]);
    expect(demoPiiDetector.maxContentLength).toBe(10_000);
  });
});
