import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Candidate } from '../overlaps';

const modelSchema = z.object({
  vocabulary: z.record(z.string(), z.int().nonnegative()),
  idf: z.array(z.number()),
  coefficients: z.tuple([z.array(z.number())]),
  intercept: z.tuple([z.number()]),
  ngram_range: z.tuple([z.literal(1), z.literal(2)]),
});

interface Term {
  readonly idf: number;
  readonly weight: number;
}

interface LinearModel {
  readonly intercept: number;
  readonly terms: ReadonlyMap<string, Term>;
}

let loaded: LinearModel | undefined;

/**
 * Probability that the text is an injection by the weights that `llm_guardrail` ships (TF-IDF of words and word pairs,
 * logistic regression). The package's own function fills a vector of 20,000 numbers a call; only the terms that occur
 * are looked up here, which gives the same number in microseconds instead of milliseconds.
 */
export function injectionProbability(text: string): number {
  loaded ??= loadModel();
  const words = text.toLowerCase().match(/\b\w\w+\b/g) ?? [];
  const counts = new Map<string, number>();
  words.forEach((word, index) => {
    const next = words[index + 1];
    for (const term of next === undefined ? [word] : [word, `${word} ${next}`]) {
      counts.set(term, (counts.get(term) ?? 0) + 1);
    }
  });
  let dotProduct = 0;
  let squares = 0;
  for (const [term, count] of counts) {
    const known = loaded.terms.get(term);
    if (known === undefined) continue;
    const value = count * known.idf;
    dotProduct += value * known.weight;
    squares += value * value;
  }
  const z = loaded.intercept + (squares === 0 ? 0 : dotProduct / Math.sqrt(squares));
  return 1 / (1 + Math.exp(-z));
}

function loadModel(): LinearModel {
  const path = require.resolve('llm_guardrail/model/prompt_injection_model.json');
  const { vocabulary, idf, coefficients, intercept } = modelSchema.parse(
    JSON.parse(readFileSync(path, 'utf8')),
  );
  const terms = Object.entries(vocabulary).map(
    ([term, index]) => [term, { idf: idf[index] ?? 0, weight: coefficients[0][index] ?? 0 }] as const,
  );
  return { intercept: intercept[0], terms: new Map(terms) };
}

/** Only from this probability on does the voice count; below it every third harmless request would be an attack. */
const CUT = 0.7;

/** Passages in UTF-16 units that are judged by themselves: in longer ones the harmless words drown the others. */
const PASSAGE_LENGTH = 400;

/** How much of the doubt about a finding is left when the voice agrees. */
const REMAINING_DOUBT = 0.5;

/**
 * Strengthens what the rules found where the learned voice agrees. It never reports anything alone: on our corpus it
 * would add 6 of the 44 attacks that the rules miss, and 34 false alarms on the 280 clean texts.
 */
export function corroborate(text: string, candidates: readonly Candidate[]): Candidate[] {
  const agrees = new Map<number, boolean>();
  return candidates.map((candidate) => {
    const first = Math.floor(candidate.start / PASSAGE_LENGTH) * PASSAGE_LENGTH;
    const hears =
      agrees.get(first) ?? injectionProbability(text.slice(first, first + 2 * PASSAGE_LENGTH)) >= CUT;
    agrees.set(first, hears);
    return hears ? { ...candidate, score: 1 - (1 - candidate.score) * REMAINING_DOUBT } : candidate;
  });
}
