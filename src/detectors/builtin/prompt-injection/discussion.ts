import type { PhraseMatch } from '../phrase-rule';

/** How far around a match its frame is looked for, in UTF-16 units. */
const REACH = 140;

const FORBIDDEN_BEFORE =
  /\b(?:don't|do not|never|not|cannot|can't|should not|shouldn't|must not|mustn't|won't|wouldn't|refuse to|refuses to|asked not to|nicht|nunca|no|jamais) (?:ever |simply |just |try to )?["']?$/u;
const ATTACKER_BEFORE =
  /\b(?:attackers?|adversar(?:y|ies)|hackers?|malicious|injections?|payloads?|jailbreaks?|red[- ]team\w*|attacks?|criminals|researchers?)\b[^.!?\n]{0,90}\b(?:to|may|might|could|can|would|will|and|simply|that|like|as)[\s:,"'`]{1,3}$/u;
const OPEN_QUOTE = /(?:^|[\s(:,])["'`](?!\s)[^"`\n]*$/u;
const DISCUSSED =
  /\b(?:attackers?|adversar\w+|injections?|malicious|payloads?|classifiers?|detect\w*|examples?|researchers?|owasp|vulnerabilit\w+|defen[cs]es?|mitigat\w+|phrases?|such as|articles?|papers?|blog|training data|jailbreaks?|red[- ]team\w*|filters?|tests?|blocklist|strings?|keywords?|headline|known as|so-called|tutorial|documentation|explains?|patterns?)\b/u;

/** Whether the words are forbidden ("never reveal your system prompt") or belong to a text about attacks. */
export function isDiscussed({ text, start, end }: PhraseMatch): boolean {
  const before = text.slice(Math.max(0, start - REACH), start);
  if (FORBIDDEN_BEFORE.test(before) || ATTACKER_BEFORE.test(before)) return true;
  return (
    OPEN_QUOTE.test(before) &&
    /^[^"'`\n]{0,80}["'`]/u.test(text.slice(end, end + REACH)) &&
    isAbout(text, start, end)
  );
}

const isAbout = (text: string, start: number, end: number): boolean =>
  DISCUSSED.test(text.slice(Math.max(0, start - REACH), start)) ||
  DISCUSSED.test(text.slice(end, end + REACH));
