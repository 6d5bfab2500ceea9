import type { BuiltinDetector, BuiltinFinding } from './builtin-detector';
import { normalizeText } from './normalize-text';
import type { Candidate } from './overlaps';
import { matchRules } from './phrase-rule';
import { exfiltrationRules } from './prompt-injection/exfiltration-rules';
import { findHiddenPayloads } from './prompt-injection/hidden-payloads';
import { jailbreakRules } from './prompt-injection/jailbreak-rules';
import { corroborate } from './prompt-injection/learned-voice';
import { overrideRules } from './prompt-injection/override-rules';
import { structureRules } from './prompt-injection/structure-rules';
import { reportFindings } from './report-findings';

const rules = [...overrideRules, ...jailbreakRules, ...exfiltrationRules, ...structureRules];

/** How many layers of encoding are peeled off, and how many decoded UTF-16 units are read in all. */
const DEEPEST_LAYER = 3;
const DECODING_BUDGET = 65_536;

/** What decoding costs in strength: the words were not there in plain. */
const DECODED_DISCOUNT = 0.95;

/**
 * Instructions smuggled into model input: `policy_override`, `jailbreak`, `data_exfiltration` (including the system
 * prompt), `tool_request`, and `prompt_injection` for forged chat structure, words to the model that reads and
 * hidden text. Encoded and invisible payloads are decoded and judged like plain text; the finding spans the payload.
 */
export const promptInjectionDetector: BuiltinDetector = {
  name: 'prompt-injection',
  version: '1.0.0',
  maxContentLength: 50_000,
  taxonomyCategories: [
    'JAILBREAK.Attempt',
    'PROMPT_INJECTION.DataExfiltration',
    'PROMPT_INJECTION.Other',
    'PROMPT_INJECTION.PolicyOverride',
    'PROMPT_INJECTION.ToolRequest',
  ],
  detect(text): BuiltinFinding[] {
    const candidates = judge(text, { left: DECODING_BUDGET });
    return reportFindings(text, 'prompt_injection', corroborate(text, candidates));
  },
};

/** Decoded UTF-16 units that may still be read; shared by all layers of one call. */
interface Budget {
  left: number;
}

function judge(text: string, budget: Budget, layer = 0): Candidate[] {
  const { folded, deobfuscated } = normalizeText(text);
  return [
    ...matchRules(rules, folded),
    ...(deobfuscated.text === folded.text ? [] : matchRules(rules, deobfuscated)),
    ...(layer < DEEPEST_LAYER ? judgeHidden(text, budget, layer + 1) : []),
  ];
}

function judgeHidden(text: string, budget: Budget, layer: number): Candidate[] {
  return findHiddenPayloads(text).flatMap(({ start, end, text: hidden, isInvisible }) => {
    const concealment = isInvisible ? [{ start, end, label: 'prompt_injection', score: 0.8 }] : [];
    if (hidden.length > budget.left) return concealment;
    budget.left -= hidden.length;
    const found = judge(hidden, budget, layer);
    return [
      ...concealment,
      ...found.map(({ label, score }) => ({ start, end, label, score: score * DECODED_DISCOUNT })),
    ];
  });
}
