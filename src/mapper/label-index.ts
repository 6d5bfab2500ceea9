import type { Category, DetectorFile } from './data-files';
import { fold, tokensOf } from './fold';

/** Where a label leads, and the bound its match strength has. */
export interface Target {
  readonly category: string;
  readonly cap: number;
}

/** A known label or alias as a set of words. */
export interface Phrase {
  readonly tokens: readonly string[];
  readonly target: Target;
  /** Position in the order in which phrases are preferred: longest first, then alphabetical. */
  readonly rank: number;
}

/** Everything that mapping a signal looks up, folded and indexed once at load. */
export interface LabelIndex {
  /** detector → label as spelled → target */
  readonly exact: ReadonlyMap<string, ReadonlyMap<string, Target>>;
  /** detector → folded label → target */
  readonly folded: ReadonlyMap<string, ReadonlyMap<string, Target>>;
  /** folded label of any detector → target */
  readonly anyDetector: ReadonlyMap<string, Target>;
  /** folded alias → target */
  readonly aliases: ReadonlyMap<string, Target>;
  /** first word of a phrase → the phrases that begin with it */
  readonly phrases: ReadonlyMap<string, readonly Phrase[]>;
}

export function indexLabels(categories: readonly Category[], detectors: readonly DetectorFile[]): LabelIndex {
  const exact = new Map<string, Map<string, Target>>();
  const folded = new Map<string, Map<string, Target>>();
  const anyDetector = new Map<string, Target>();
  for (const { detector, labels } of detectors) {
    const spelled = new Map<string, Target>();
    const own = new Map<string, Target>();
    for (const { label, category, confidence_cap: cap = 1 } of labels) {
      spelled.set(label, { category, cap });
      addCautiously(own, fold(label), { category, cap });
      addCautiously(anyDetector, fold(label), { category, cap });
    }
    exact.set(detector, spelled);
    folded.set(detector, own);
  }
  const aliases = new Map(
    categories.flatMap(({ id, aliases = [] }) =>
      aliases.map((alias) => [fold(alias), { category: id, cap: 1 }]),
    ),
  );
  return {
    exact,
    folded,
    anyDetector,
    aliases,
    phrases: indexPhrases(new Map([...aliases, ...anyDetector])),
  };
}

/** Of spellings that fold alike the lowest cap counts, so that the order of files changes nothing. */
function addCautiously(targets: Map<string, Target>, label: string, target: Target): void {
  const known = targets.get(label);
  if (known === undefined || target.cap < known.cap) targets.set(label, target);
}

function indexPhrases(targets: ReadonlyMap<string, Target>): Map<string, Phrase[]> {
  const ranked = [...targets].sort(([a], [b]) => b.length - a.length || (a < b ? -1 : 1));
  const phrases = new Map<string, Phrase[]>();
  for (const [rank, [label, target]] of ranked.entries()) {
    const tokens = tokensOf(label);
    const [first] = tokens;
    if (first === undefined) continue;
    const siblings = phrases.get(first) ?? [];
    phrases.set(first, siblings);
    siblings.push({ tokens, target, rank });
  }
  return phrases;
}
