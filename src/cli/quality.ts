import { existsSync } from 'node:fs';
import { join } from 'node:path';
import Table from 'cli-table3';
import type { BuiltinDetector, DetectorParams } from '../detectors/builtin/builtin-detector';
import { builtinDetectors } from '../detectors/builtin/catalog';
import { loadCorpus, scoreCorpus, type Quality } from '../detectors/builtin/scoring';
import { colors } from './colors';

const corpora = join(__dirname, '../../corpora');

/** The settings a corpus was labeled under, where they are not the detector's defaults. */
const corpusParams: Readonly<Record<string, DetectorParams>> = {
  language: { expected_languages: ['en'] },
};

/**
 * Prints precision, recall and F1 of builtin detectors over their labeled corpora: micro-averaged over (text, label)
 * pairs, then per label. No name means every detector that has a corpus.
 *
 * @throws RangeError for a name that is no builtin detector
 */
export async function printQuality(detectorNames: readonly string[]): Promise<void> {
  const detectors =
    detectorNames.length > 0 ? detectorNames.map(findDetector) : [...builtinDetectors.values()];
  const table = new Table({
    head: ['detector', 'label', 'precision', 'recall', 'F1', 'found', 'invented', 'missed'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const detector of detectors) {
    const path = join(corpora, `${detector.name}.jsonl`);
    if (!existsSync(path)) {
      if (detectorNames.length > 0) table.push([detector.name, 'no corpus', '', '', '', '', '', '']);
      continue;
    }
    const corpus = loadCorpus(path);
    const score = await scoreCorpus(detector, corpus, corpusParams[detector.name]);
    table.push([colors.bold(detector.name), `${corpus.length} texts`, ...figures(score)]);
    for (const [label, quality] of Object.entries(score.perLabel))
      table.push(['', label, ...figures(quality)]);
  }
  process.stdout.write(`${table.toString()}\n`);
}

function findDetector(name: string): BuiltinDetector {
  const detector = builtinDetectors.get(name);
  if (detector === undefined) {
    const known = [...builtinDetectors.keys()].join(', ');
    throw new RangeError(`no builtin detector is named ${JSON.stringify(name)}; there are ${known}`);
  }
  return detector;
}

function figures(quality: Quality): string[] {
  const { precision, recall, f1, truePositives, falsePositives, falseNegatives } = quality;
  return [
    ...[precision, recall, f1].map((share) => share.toFixed(3)),
    ...[truePositives, falsePositives, falseNegatives].map(String),
  ];
}
