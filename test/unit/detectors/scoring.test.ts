import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuiltinDetector } from '../../../src/detectors/builtin/builtin-detector';
import { CORPUS_SPLIT_MARKER, loadCorpus, scoreCorpus } from '../../../src/detectors/builtin/scoring';

/** Reports each word that starts with `#`, once per occurrence, plus the one named in the params. */
const hashtagDetector: BuiltinDetector = {
  name: 'hashtag',
  version: '1.0.0',
  maxContentLength: 100,
  taxonomyCategories: [],
  detect: (text, params) =>
    [
      ...text.matchAll(/#(\w+)/g),
      ...[params?.['always']].filter(Boolean).map((label) => ['', String(label)]),
    ].map((match) => ({ start: 0, end: 1, label: String(match[1]), type: 'tag', score: 1 })),
};

const entry = (id: string, text: string, ...labels: string[]) => ({ id, text, labels });

describe('scoreCorpus', () => {
  it('counts (text, label) pairs once each and names the mistakes', async () => {
    const score = await scoreCorpus(hashtagDetector, [
      entry('hit', '#a #a #a', 'a'),
      entry('miss', 'nothing', 'a'),
      entry('invention', '#b'),
      entry('both', '#a #c', 'a', 'b'),
      entry('clean', 'nothing'),
    ]);
    expect(score).toMatchObject({ truePositives: 2, falsePositives: 2, falseNegatives: 2 });
    expect(score).toMatchObject({ precision: 0.5, recall: 0.5, f1: 0.5 });
    expect(score.perLabel['a']).toMatchObject({
      truePositives: 2,
      falseNegatives: 1,
      precision: 1,
      recall: 2 / 3,
    });
    expect(score.perLabel['c']).toMatchObject({ falsePositives: 1, precision: 0, recall: 1 });
    expect(Object.keys(score.perLabel)).toEqual(['a', 'b', 'c']);
    expect(score.mistakes).toEqual([
      { id: 'miss', missed: ['a'], invented: [] },
      { id: 'invention', missed: [], invented: ['b'] },
      { id: 'both', missed: ['b'], invented: ['c'] },
    ]);
  });

  it('is perfect on clean texts that stay clean', async () => {
    const score = await scoreCorpus(hashtagDetector, [entry('clean', 'nothing')]);
    expect(score).toMatchObject({ precision: 1, recall: 1, f1: 1, mistakes: [], perLabel: {} });
  });

  it('hands the params to the detector', async () => {
    const score = await scoreCorpus(hashtagDetector, [entry('one', 'nothing', 'z')], { always: 'z' });
    expect(score.truePositives).toBe(1);
  });
});

describe('loadCorpus', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'corpus-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const corpusOf = (...lines: string[]) => {
    const path = join(folder, 'corpus.jsonl');
    writeFileSync(path, lines.join('\n'));
    return path;
  };

  it('rejoins split secrets and skips empty lines', () => {
    const line = JSON.stringify({
      id: '1',
      text: `a${CORPUS_SPLIT_MARKER}b${CORPUS_SPLIT_MARKER}c`,
      labels: [],
    });
    expect(loadCorpus(corpusOf(line, '', '  '))).toEqual([{ id: '1', text: 'abc', labels: [] }]);
  });

  it.each([
    ['no JSON', '{', /:2: not JSON/],
    ['an unknown key', '{"id":"2","text":"","labels":[],"label":"x"}', /:2: .*label/s],
    ['a missing text', '{"id":"2","labels":[]}', /:2: .*text/s],
    ['a repeated id', '{"id":"1","text":"","labels":[]}', /:2: the id 1 is not unique/],
  ])('refuses a line with %s and names it', (_, line, message) => {
    expect(() => loadCorpus(corpusOf('{"id":"1","text":"","labels":[]}', line))).toThrow(message);
  });
});
