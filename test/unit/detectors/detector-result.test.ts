import type { ItemAnswer, RawFinding } from '../../../src/detectors/adapter';
import { failureResult, successResult } from '../../../src/detectors/detector-result';
import { detectorResultSchema } from '../../../src/contract/detector-result';
import type { ContentType } from '../../../src/contract/enums';
import type { PlannedDetector } from '../../../src/contract/plan';
import type { Protocol } from '../../../src/contract/protocols';
import { planned } from '../domain/support';
import { item } from './adapter-support';

const as = { fingerprintKey: Buffer.alloc(32, 7), contentType: 'text' } as const;
const timing = { attempts: 2, processingTimeMs: 40 };

function found(findings: readonly Partial<RawFinding>[]): ItemAnswer {
  const complete = { label: 'x', score: 0.5, start: null, end: null };
  return {
    kind: 'findings',
    findings: findings.map((finding) => ({ ...complete, ...finding })),
    version: null,
  };
}

function verdict(overrides: Partial<Extract<ItemAnswer, { kind: 'verdict' }>>): ItemAnswer {
  return {
    kind: 'verdict',
    output: 'x',
    confidence: 0.5,
    scores: {},
    metadata: null,
    version: null,
    ...overrides,
  };
}

function result(answer: ItemAnswer, content = 'some content', detector: Partial<PlannedDetector> = {}) {
  return detectorResultSchema.parse(
    successResult(planned('judge', detector), item(content), answer, timing, as),
  );
}

describe('successResult', () => {
  it('is clean with low confidence when nothing was found', () => {
    expect(result(found([]))).toMatchObject({
      status: 'success',
      output: 'clean',
      confidence: 0.6,
      findings: [],
    });
  });

  it('says the strongest finding, and where it came from', () => {
    const { output, confidence, metadata } = result(
      found([
        { label: 'mild', score: 20 },
        { label: 'strong', score: 70 },
      ]),
      'text',
      { score_normalization: { method: 'percent' }, version: '2.3' },
    );
    expect([output, confidence]).toEqual(['strong', 0.7]);
    expect(metadata).toEqual({ raw_confidence: 70, attempts: 2, detector_version: '2.3' });
  });

  it.each([
    [{ method: 'identity' }, 0.25, 0.25],
    [{ method: 'percent' }, 25, 0.25],
    [{ method: 'min_max', min: 1, max: 5 }, 2, 0.25],
    [{ method: 'min_max', min: 0, max: 7 }, 9, 1],
    [{ method: 'sigmoid' }, 0, 0.5],
    [{ method: 'boolean' }, true, 1],
    [{ method: 'boolean' }, false, 0],
  ] as const)('scale %j: %s becomes %s, with the raw value kept', (score_normalization, score, expected) => {
    const asVerdict = result(verdict({ confidence: score }), 'text', { score_normalization });
    expect(asVerdict.confidence).toBe(expected);
    expect(asVerdict.metadata?.['raw_confidence']).toBe(score);
    const asFinding = result(found([{ score }]), 'text', { score_normalization });
    expect(asFinding.confidence).toBe(expected);
    expect(asFinding.metadata?.['raw_confidence']).toBe(score);
  });

  it.each([undefined, null, 'high', NaN, Infinity])('a score of %s is no confidence', (confidence) => {
    const { output, confidence: normalized, metadata } = result(verdict({ confidence }));
    expect([output, normalized]).toEqual(['x', null]);
    expect(metadata).not.toHaveProperty('raw_confidence');
  });

  it('keeps the strongest 100 findings, in their order', () => {
    const many = Array.from({ length: 150 }, (_, at) => ({ label: `l${at}`, score: at / 200 }));
    const { findings, findings_truncated: truncated, output } = result(found(many));
    expect(findings.map(({ label }) => label)).toEqual(many.slice(50).map(({ label }) => label));
    expect([truncated, output]).toEqual([true, 'l149']);
    expect(result(found(many.slice(0, 100))).findings_truncated).toBe(false);
  });

  it("takes a strength out of the detector's own scale as it is, with the raw value and word beside it", () => {
    const { confidence, findings, metadata } = result(
      found([{ score: 4, strength: 0.75, level: 'LIKELY' }]),
      'text',
      { score_normalization: { method: 'identity' } },
    );
    expect(confidence).toBe(0.75);
    expect(findings[0]).toMatchObject({ raw_strength: 4, raw_level: 'LIKELY', strength: 0.75 });
    expect(metadata).toMatchObject({ raw_confidence: 4 });
    expect(result(found([{}])).findings[0]).not.toHaveProperty('raw_level');
  });

  it('says what was not judged, at most 20 times, and nothing where all was', () => {
    const gap = { reason: 'truncated' as const, start: 3, end: 9, labels: null };
    const answer = (count: number): ItemAnswer => ({
      kind: 'findings',
      findings: [],
      version: null,
      unjudged: Array.from({ length: count }, () => gap),
    });
    expect(result(answer(1))).toMatchObject({ status: 'success', output: 'clean', unjudged: [gap] });
    expect(result(answer(50)).unjudged).toHaveLength(20);
    expect(result(answer(0))).not.toHaveProperty('unjudged');
  });

  it('makes single tokens of labels, without the separator of the payload', () => {
    expect(result(found([{ label: ' hate | speech\n' }])).output).toBe('hate_speech');
    expect(result(found([{ label: 'y'.repeat(200) }])).output).toHaveLength(128);
    expect(result(verdict({ output: ' toxic|hate ' })).output).toBe('toxic_hate');
  });

  it('cuts a long output by code points, and says so', () => {
    const { output, metadata } = result(verdict({ output: '😀'.repeat(1025) }));
    expect(output).toBe('😀'.repeat(1024));
    expect(metadata).toMatchObject({ output_truncated: true });
    const exact = result(verdict({ output: '😀'.repeat(1024) }));
    expect(exact.output).toBe('😀'.repeat(1024));
    expect(exact.metadata).not.toHaveProperty('output_truncated');
  });

  it('strips what no store takes: NUL and lone surrogates', () => {
    const dirty = 'a\0b\ud800c\udc00d😀';
    expect(result(verdict({ output: dirty })).output).toBe('abcd😀');
    expect(result(found([{ label: dirty }])).output).toBe('abcd😀');
    expect(result(verdict({ metadata: { [dirty]: [dirty] } })).metadata).toMatchObject({
      'abcd😀': ['abcd😀'],
    });
  });

  it('redacts what repeats the content or holds personal data', () => {
    const content = 'the quick brown fox jumps over the lazy dog and away';
    const { output, metadata } = result(
      verdict({ output: `found: ${content}`, metadata: { who: 'bob@example.com', what: content } }),
      content,
    );
    expect(output).toBe('[REDACTED:CONTENT]');
    expect(metadata).toMatchObject({ who: '[REDACTED:EMAIL]', what: '[REDACTED:CONTENT]' });
  });

  it("drops the detector's own metadata when it is too much, never ours", () => {
    expect(result(verdict({ metadata: { big: 'y'.repeat(9000) } })).metadata).toEqual({
      raw_confidence: 0.5,
      attempts: 2,
      detector_version: '1.0',
    });
  });

  it('never lets the metadata of a detector speak in our name', () => {
    const { metadata } = result(verdict({ metadata: { attempts: 99, raw_confidence: 1 } }));
    expect(metadata).toMatchObject({ attempts: 2, raw_confidence: 0.5 });
  });

  describe('fingerprints', () => {
    const at = (content: string, start: number | null, end: number | null, label = 'person') =>
      result(found([{ label, start, end }]), content).findings[0]!.fingerprint;

    it('are equal for the same text under the same label, wherever it stands', () => {
      expect(at('bob was here', 0, 3)).toBe(at('👩‍🚀 bob', 4, 7));
    });

    it('differ by text, by label and by key', () => {
      const bob = at('bob', 0, 3);
      const otherKey = successResult(
        planned('j'),
        item('bob'),
        found([{ label: 'person', start: 0, end: 3 }]),
        timing,
        { ...as, fingerprintKey: Buffer.alloc(32, 8) },
      );
      const others = [
        at('rob', 0, 3),
        at('bob', 0, 3, 'name'),
        at('bob', 0, 2),
        otherKey.findings[0]!.fingerprint,
      ];
      expect(new Set([bob, ...others]).size).toBe(5);
    });

    it('of findings without a place are of the whole content, and of no part of another', () => {
      expect(at('bob', null, null)).toBe(at(' bob', null, null));
      expect(at('bob', null, null)).not.toBe(at('bobby', null, null));
      expect(at('bob', null, null)).not.toBe(at('bob', 0, 3));
      expect(at('bob', 2, 2)).toBe(at('bob', null, null));
    });

    it('do not differ by the ends of lines nor by blanks around the text, but by capitals', () => {
      const two = at('Bob\nDíaz', 0, 8);
      expect([at('Bob\r\nDíaz', 0, 9), at(' Bob\nDíaz\t\r\n', 0, 12)]).toEqual([two, two]);
      expect(at('bob\ndíaz', 0, 8)).not.toBe(two);
    });

    it.each([
      ['ends a line', 'pay Bob', 'pay\nBob'],
      ['has more blanks', 'pay Bob', 'pay  Bob'],
      ['has wider blanks', 'pay Bob', 'pay\u2003Bob'],
      ['hides a mark', 'pay Bob', 'pay Bob\ufeff'],
      ['ends in a blank that hides something', 'pay Bob', 'pay Bob\u2009'],
      ['looks the same', '3 K', '3 \u212a'],
      ['ends in what looks the same', 'Bob;', 'Bob\u037e'],
      ['is written in other characters', 'José', 'Jose\u0301'],
    ])('are of one text, not of another that %s', (_how, seen, other) => {
      const [length, longer] = [[...seen].length, [...other].length];
      expect(at(other, 0, longer)).not.toBe(at(seen, 0, length));
      expect(at(other, null, null)).not.toBe(at(seen, null, null));
    });

    const declared = (contentType: ContentType, content: string, place = false) =>
      successResult(
        planned('j'),
        item(content),
        found([place ? { start: 0, end: content.length } : {}]),
        timing,
        { ...as, contentType },
      ).findings[0]!.fingerprint;

    it.each([true, false])('differ by what the content was declared to be (with a place: %s)', (place) => {
      expect(declared('code', 'bob', place)).not.toBe(declared('text', 'bob', place));
    });

    it('differ by detector', () => {
      const by = (detector: string) => successResult(planned(detector), item('bob'), found([{}]), timing, as);
      expect(by('one').findings[0]!.fingerprint).not.toBe(by('two').findings[0]!.fingerprint);
    });

    it('of an image are the same with and without the head of a data URL', () => {
      const image = 'iVBORw0KGgo=';
      expect(declared('image', `data:image/png;base64,${image}`)).toBe(declared('image', image));
      expect(declared('image', `data:image/any words;base64,${image}`)).not.toBe(declared('image', image));
    });

    it('of a text leave out nothing that looks like the head of an image', () => {
      const bare = declared('text', 'thank you');
      for (const head of ['data:image/png;base64,', 'data:image/ I will find you. ,'])
        expect(declared('text', `${head}thank you`)).not.toBe(bare);
    });

    const answering = (protocol: Protocol, metadata: Record<string, unknown> | null) => {
      const judge = planned('judge', { call: { ...planned('judge').call, protocol } });
      const whole = { ...item('yes'), metadata };
      return successResult(judge, whole, found([{}]), timing, as).findings[0]!.fingerprint;
    };

    it('of an answer are not those of the same words in answer to something else', () => {
      const asked = answering('detectors-api-chat', { prompt: 'is it safe?', session: 1 });
      expect(answering('detectors-api-chat', { prompt: 'is it safe?', session: 2 })).toBe(asked);
      expect(answering('detectors-api-chat', { prompt: 'may I?' })).not.toBe(asked);
      expect(answering('detectors-api-chat', null)).not.toBe(asked);
    });

    it('are of all metadata where the detector is sent all of them', () => {
      const asked = answering('conclave', { audience: 'adults', rules: { a: 1, b: 2 } });
      expect(answering('conclave', { rules: { b: 2, a: 1 }, audience: 'adults' })).toBe(asked);
      expect(answering('conclave', { audience: 'children', rules: { a: 1, b: 2 } })).not.toBe(asked);
    });
  });

  describe('of a verdict', () => {
    const findingsOf = (overrides: Parameters<typeof verdict>[0]) => result(verdict(overrides)).findings;

    it('has it as a finding that can be named', () => {
      expect(findingsOf({ output: 'hate speech', confidence: 0.7, scores: { spam: 0.1 } })).toMatchObject([
        { label: 'hate speech', strength: 0.7, start: null, end: null, verdict: true },
        { label: 'spam', strength: 0.1 },
      ]);
      expect(findingsOf({ confidence: null })).toMatchObject([
        { label: 'x', strength: 1, raw_strength: null },
      ]);
    });

    it('marks the score of its label instead of repeating it', () => {
      expect(findingsOf({ output: 'x', scores: { x: 0.4, y: 0.2 } })).toMatchObject([
        { label: 'x', strength: 0.4, verdict: true },
        { label: 'y' },
      ]);
    });

    it.each(['clean', 'SAFE'])('has none for %s', (output) => {
      expect(findingsOf({ output })).toEqual([]);
    });

    it('is the finding of its label, however that is written', () => {
      expect(findingsOf({ output: 'hate speech', scores: { 'hate speech': 0.8 } })).toMatchObject([
        { label: 'hate_speech', strength: 0.8, verdict: true },
      ]);
    });

    it.each([100, 150])('has 100 findings at most, of %i scores the strongest, and says so', (count) => {
      const weakFirst = Object.fromEntries(Array.from({ length: count }, (_, at) => [`l${at}`, at / 200]));
      const { findings, findings_truncated: isCut } = result(verdict({ scores: weakFirst }));
      const strongest = Array.from({ length: 99 }, (_, at) => `l${count - 99 + at}`);
      expect(findings.map(({ label }) => label)).toEqual(['x', ...strongest]);
      expect(isCut).toBe(true);
    });

    it('has all of 99 scores', () => {
      const scores = Object.fromEntries(Array.from({ length: 99 }, (_, at) => [`l${at}`, at / 200]));
      const { findings, findings_truncated: isCut } = result(verdict({ scores }));
      expect([findings.length, isCut]).toEqual([100, false]);
    });
  });
});

describe('failureResult', () => {
  it('has the token, the reason, and how often and how long it was tried', () => {
    expect(failureResult('judge', 'http_5xx', 'the detector answered 500', timing)).toMatchObject({
      detector: 'judge',
      status: 'failed',
      output: null,
      confidence: null,
      error: 'http_5xx: the detector answered 500',
      metadata: { attempts: 2 },
      processing_time_ms: 40,
    });
    expect(failureResult('judge', 'attempt_timeout', 'late', timing).status).toBe('timeout');
  });
});
