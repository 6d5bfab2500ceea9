import type { BuiltinDetector, BuiltinFinding } from './builtin-detector';
import { codePointIndexer } from './code-points';
import { destructionRules } from './dangerous-code/destruction-rules';
import { executionRules } from './dangerous-code/execution-rules';
import { footholdRules } from './dangerous-code/foothold-rules';
import { findHiddenTexts } from './dangerous-code/hidden-text';
import { NEIGHBORHOOD, type DangerLabel, type Rule } from './dangerous-code/rule';
import { theftRules } from './dangerous-code/theft-rules';
import { isWarnedAgainst } from './dangerous-code/warning-context';
import { weaknessRules } from './dangerous-code/weakness-rules';

const rules: readonly Rule[] = [
  ...executionRules,
  ...destructionRules,
  ...theftRules,
  ...footholdRules,
  ...weaknessRules,
];

/** Code hidden in an encoding inside an encoding is still found; deeper nesting is left alone. */
const MAX_DECODING_DEPTH = 2;
/** Bounds the answer for a text that repeats one danger; the label is reported either way. */
const MAX_FINDINGS_PER_RULE = 20;

interface Danger {
  readonly start: number;
  readonly end: number;
  readonly label: DangerLabel;
  readonly score: number;
}

/**
 * Finds malicious or dangerous code in any common language: reverse shells, droppers, destruction, theft, footholds,
 * and the classic weaknesses. Rules match the way such code is written, not what it would do, so code that hides well
 * enough is missed. Base64, hex and escaped runs are decoded (bounded) and judged too; their findings cover the run.
 */
export const dangerousCodeDetector: BuiltinDetector = {
  name: 'dangerous-code',
  version: '1.0.0',
  maxContentLength: 50_000,
  taxonomyCategories: [
    'SECURITY.Access.Unauthorized',
    'SECURITY.Access.Privilege',
    'SECURITY.Data.Breach',
    'SECURITY.Data.Encryption',
  ],
  detect(text: string): BuiltinFinding[] {
    const toCodePoint = codePointIndexer(text);
    return mergeOverlapping(findDangers(text, 0)).map(({ start, end, label, score }) => ({
      start: toCodePoint(start),
      end: toCodePoint(end),
      label,
      type: 'dangerous_code',
      score,
    }));
  },
};

function findDangers(text: string, depth: number): Danger[] {
  const flat = flatten(text);
  const dangers = rules.flatMap((rule) => applyRule(rule, flat));
  if (depth === MAX_DECODING_DEPTH) return dangers;
  for (const hidden of findHiddenTexts(text)) {
    for (const { label, score } of findDangers(hidden.text, depth + 1))
      dangers.push({ start: hidden.start, end: hidden.end, label, score });
  }
  return dangers;
}

/** Undoes what a shell reads as white space. Keeps every index: each replacement is as long as what it replaces. */
function flatten(text: string): string {
  return text
    .replace(/\$\{IFS\}|\$IFS(?:\$9)?/g, (blank) => ' '.repeat(blank.length))
    .replaceAll('\\\n', '  ');
}

function applyRule(rule: Rule, text: string): Danger[] {
  const dangers: Danger[] = [];
  for (const match of text.matchAll(rule.pattern)) {
    const start = match.index;
    const end = start + match[0].length;
    if (!isInContext(rule, text, start, end) || isWarnedAgainst(text, start, end)) continue;
    dangers.push({ start, end, label: rule.label, score: rule.score });
    if (dangers.length === MAX_FINDINGS_PER_RULE) break;
  }
  return dangers;
}

function isInContext({ near, unless }: Rule, text: string, start: number, end: number): boolean {
  if (near === undefined && unless === undefined) return true;
  const surroundings = text.slice(Math.max(0, start - NEIGHBORHOOD), end + NEIGHBORHOOD);
  if (unless?.test(surroundings)) return false;
  return near?.every((companion) => companion.test(surroundings)) ?? true;
}

/** Several rules often see the same danger: one finding a place and label remains, the strongest score with it. */
function mergeOverlapping(dangers: Danger[]): Danger[] {
  const merged: Danger[] = [];
  const lastOfLabel = new Map<DangerLabel, number>();
  for (const danger of dangers.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const index = lastOfLabel.get(danger.label);
    const last = index === undefined ? undefined : merged[index];
    if (index !== undefined && last !== undefined && danger.start < last.end) {
      merged[index] = {
        ...last,
        end: Math.max(last.end, danger.end),
        score: Math.max(last.score, danger.score),
      };
    } else {
      lastOfLabel.set(danger.label, merged.push(danger) - 1);
    }
  }
  return merged;
}
