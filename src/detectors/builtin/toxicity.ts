import type { BuiltinDetector, BuiltinFinding } from './builtin-detector';
import { normalizeText } from './normalize-text';
import { matchRules } from './phrase-rule';
import { reportFindings } from './report-findings';
import { hostilityRules } from './toxicity/hostility';
import { identityAttackRules } from './toxicity/identity-attacks';
import { insultRules } from './toxicity/insults';
import { findProfanity } from './toxicity/profanity';
import { selfHarmRules } from './toxicity/self-harm';
import { threatRules } from './toxicity/threats';

const rules = [...hostilityRules, ...insultRules, ...threatRules, ...identityAttackRules, ...selfHarmRules];

/**
 * Abusive wording in English, with the commonest German, Spanish and French phrases: `obscene` words wherever they
 * stand, and `insult`, `threat`, `identity_attack`, `self_harm` and other hostility (`toxic`) where a person or group is
 * the target and the words are not merely reported. Findings of different labels may overlap.
 */
export const toxicityDetector: BuiltinDetector = {
  name: 'toxicity',
  version: '1.0.0',
  maxContentLength: 50_000,
  taxonomyCategories: [
    'HARM.SPEECH.Hate.Other',
    'HARM.SPEECH.Insult',
    'HARM.SPEECH.Obscenity',
    'HARM.SPEECH.Threat',
    'HARM.SPEECH.Toxicity',
    'HARM.VIOLENCE.SelfHarm',
  ],
  detect(text): BuiltinFinding[] {
    const { deobfuscated } = normalizeText(text);
    return reportFindings(text, 'toxicity', [
      ...findProfanity(deobfuscated),
      ...matchRules(rules, deobfuscated),
    ]);
  },
};
