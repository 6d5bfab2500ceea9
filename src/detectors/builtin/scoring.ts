import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { BuiltinDetector, DetectorParams } from './builtin-detector';

const corpusEntrySchema = z.strictObject({
  id: z.string().min(1),
  text: z.string(),
  /** Distinct labels the detector should report; empty means the text is clean. */
  labels: z.array(z.string().min(1)),
  note: z.string().optional(),
});

export type CorpusEntry = z.infer<typeof corpusEntrySchema>;

/** Precision is 1 when nothing was reported, recall is 1 when nothing was expected. All in [0, 1]. */
export interface Quality {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** A text whose reported labels differ from the expected ones. */
export interface Mistake {
  readonly id: string;
  /** Expected and not reported. */
  readonly missed: readonly string[];
  /** Reported and not expected. */
  readonly invented: readonly string[];
}

/** The totals are micro-averaged over (text, label) pairs. */
export interface CorpusScore extends Quality {
  readonly perLabel: Readonly<Record<string, Quality>>;
  readonly mistakes: readonly Mistake[];
}

/**
 * Stands between the halves of a synthetic secret in a stored corpus, so that no scanner of the repository takes
 * it for a real one.
 */
export const CORPUS_SPLIT_MARKER = '⟦+⟧';

/**
 * Reads a corpus of one JSON object a line and rejoins the texts that {@link CORPUS_SPLIT_MARKER} keeps apart.
 *
 * @throws RangeError naming the line that is not a corpus entry or repeats an id
 */
export function loadCorpus(path: string): CorpusEntry[] {
  const ids = new Set<string>();
  const entries: CorpusEntry[] = [];
  readFileSync(path, 'utf8')
    .split('\n')
    .forEach((line, index) => {
      if (line.trim() === '') return;
      const entry = parseEntry(line, `${path}:${index + 1}`);
      if (ids.has(entry.id)) throw new RangeError(`${path}:${index + 1}: the id ${entry.id} is not unique`);
      ids.add(entry.id);
      entries.push({ ...entry, text: entry.text.replaceAll(CORPUS_SPLIT_MARKER, '') });
    });
  return entries;
}

function parseEntry(line: string, place: string): CorpusEntry {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw new RangeError(`${place}: not JSON`, { cause });
  }
  const parsed = corpusEntrySchema.safeParse(json);
  if (!parsed.success) throw new RangeError(`${place}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** Runs the detector over every entry and counts each distinct label once a text. */
export async function scoreCorpus(
  detector: BuiltinDetector,
  entries: readonly CorpusEntry[],
  params?: DetectorParams,
): Promise<CorpusScore> {
  const total = new Tally();
  const perLabel = new Map<string, Tally>();
  const mistakes: Mistake[] = [];
  for (const { id, text, labels } of entries) {
    const expected = new Set(labels);
    const reported = new Set((await detector.detect(text, params)).map((finding) => finding.label));
    const missed = [...expected].filter((label) => !reported.has(label));
    const invented = [...reported].filter((label) => !expected.has(label));
    if (missed.length + invented.length > 0) mistakes.push({ id, missed, invented });
    for (const label of new Set([...expected, ...reported])) {
      const tally = perLabel.get(label) ?? new Tally();
      perLabel.set(label, tally);
      for (const counter of [total, tally]) counter.count(expected.has(label), reported.has(label));
    }
  }
  const qualities = [...perLabel].map(([label, tally]) => [label, tally.quality()] as const);
  qualities.sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...total.quality(), perLabel: Object.fromEntries(qualities), mistakes };
}

class Tally {
  private truePositives = 0;
  private falsePositives = 0;
  private falseNegatives = 0;

  count(isExpected: boolean, isReported: boolean): void {
    if (isExpected && isReported) this.truePositives += 1;
    else if (isReported) this.falsePositives += 1;
    else this.falseNegatives += 1;
  }

  quality(): Quality {
    const { truePositives, falsePositives, falseNegatives } = this;
    const precision = ratio(truePositives, truePositives + falsePositives);
    const recall = ratio(truePositives, truePositives + falseNegatives);
    const f1 = ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives);
    return { truePositives, falsePositives, falseNegatives, precision, recall, f1 };
  }
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 1 : part / whole;
}
