import { moderationCategories } from '../../contract/facades';

type ModerationCategory = (typeof moderationCategories)[number];

interface LabelMap {
  readonly detector: string;
  readonly labels: readonly { readonly label: string; readonly category: string }[];
}

/** Where the label map of OpenAI's own detector names no category. The longest prefix counts. */
const nearest: Readonly<Record<string, ModerationCategory>> = {
  'HARM.SPEECH': 'harassment',
  'HARM.SPEECH.Hate': 'hate',
  'HARM.VIOLENCE': 'violence',
  'HARM.VIOLENCE.Suicide': 'self-harm',
};

export interface ModerationCategories {
  /** OpenAI's category for a canonical one; null where it has none, as for personal data. */
  of(category: string): ModerationCategory | null;
  /** Which of OpenAI's categories detectors of these names look for. */
  lookedForBy(detectors: readonly string[]): ReadonlySet<ModerationCategory>;
}

/** Canonical categories as OpenAI's, by the label map of its own detector read backwards. */
export function moderationCategoriesBy(
  labelMaps: readonly LabelMap[],
  declaredBy: (detector: string) => readonly string[],
): ModerationCategories {
  const own = labelMaps.find(({ detector }) => detector === 'openai-moderation')?.labels ?? [];
  // Of labels for one category the first is the general one.
  const byCategory = new Map(
    own.toReversed().flatMap(({ label, category }) => (isModeration(label) ? [[category, label]] : [])),
  );
  const of = (category: string): ModerationCategory | null => byCategory.get(category) ?? nearestTo(category);
  return {
    of,
    lookedForBy: (detectors) =>
      new Set(
        detectors.flatMap((detector) => {
          const mapped = labelMaps.find((map) => map.detector === detector)?.labels ?? [];
          const categories = [...mapped.map(({ category }) => category), ...declaredBy(detector)];
          return categories.map(of).filter((category) => category !== null);
        }),
      ),
  };
}

function isModeration(label: string): label is ModerationCategory {
  return (moderationCategories as readonly string[]).includes(label);
}

function nearestTo(category: string): ModerationCategory | null {
  const prefixes = Object.keys(nearest).filter(
    (prefix) => category === prefix || category.startsWith(`${prefix}.`),
  );
  const [longest] = prefixes.toSorted((a, b) => b.length - a.length);
  return longest === undefined ? null : nearest[longest]!;
}
