import { isWithin } from './categories';
import type { Signal } from './judgement';

/**
 * A content without what flags it: each place that a finding of these categories names, replaced by its category.
 * @returns null where something else flags it, or a finding does not say where
 */
export function masked(
  content: string,
  signals: readonly Signal[],
  categories: readonly string[],
): string | null {
  const telling = signals.filter(({ flags }) => flags);
  const spans = telling.flatMap(({ category, start, end }) => {
    const isMaskable = category !== null && categories.some((ancestor) => isWithin(category, ancestor));
    return isMaskable && start !== null && end !== null ? [{ category, start, end }] : [];
  });
  if (spans.length === 0 || spans.length < telling.length) return null;
  const characters = [...content];
  let [text, from] = ['', 0];
  for (const { category, start, end } of spans.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    // What lies in the one before goes with it.
    if (start >= from) text += `${characters.slice(from, start).join('')}[REDACTED:${category}]`;
    from = Math.max(from, end);
  }
  return text + characters.slice(from).join('');
}
