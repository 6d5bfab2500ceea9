import type { PhraseMatch } from '../phrase-rule';

/** How far around a match its frame is looked for, in UTF-16 units. */
const REACH = 120;

const SPEECH =
  '(?:sa(?:id|ys|ying)|shout(?:ed|s|ing)|yell(?:ed|s|ing)|scream(?:ed|s|ing)|wr(?:ote|ites|itten)|text(?:ed|s|ing)|tweet(?:ed|s)?|post(?:ed|s)?|told|call(?:ed|s|ing)|repl(?:ied|ies)|messag(?:ed|es?|ing)|threatened|quot(?:ed|es?|ing)|whisper(?:ed|s)|mutter(?:ed|s)|hiss(?:ed|es)|growl(?:ed|s)|snarl(?:ed|s)|reads?|lines?|lyrics?|phrases?|words?|slurs?|terms?|insults?|comments?|sentence|translat(?:e|es|ed|ion|ing)|example|letter|note|testified|alleged|claimed|heard|movie|song|scene|title|titled|novel|novels|chanted|report(?:ed|s)?|like|graffiti|voicemail|email|such as)';

const OPEN_QUOTE = /(?:^|[\s(:,])["'](?!\s)[^"\n]*$/u;
const SPEECH_BEFORE = new RegExp(`\\b${SPEECH}\\b[^.!?\\n"]{0,60}["'][^"\\n]*$`, 'u');
const SPEECH_AFTER = new RegExp(`^[^"\\n]{0,60}["'][\\s,.]{0,3}(?:[\\p{L}'.-]+ ){0,4}${SPEECH}\\b`, 'u');

const FRAME_BEFORE = new RegExp(
  [
    '\\b(?:accused of|charged with|convicted of|arrested for|jailed for|sentenced for|guilty of|threaten(?:ed|ing) to)',
    '\\b(?:myth|claim|claims|idea|stereotype|notion|belief|lie|narrative|trope|view|rhetoric|propaganda|prejudice|slogan|post|tweet|suggestion)s? (?:that|such as|like)?',
    "\\b(?:don't|do not|never|stop|can't|cannot|shouldn't|should not|not ok to|not okay to|wrong to|racist to|sexist to|unacceptable to|false to|nobody should|no one should|why do people|people who|anyone who|those who|hateful to) (?:ever )?(?:say|saying|says|tell|telling|claim|claims|claiming|believe|believing|think|thinks|call|calling|write|writing|suggest|shout)",
    '\\b(?:not true|untrue|false|nonsense) that',
    '\\b(?:translate|translation of|what does|meaning of|define|definition of|how do you say|classify|detect|moderate|flag|label)\\b',
  ].join('|') + '[^.!?\\n]{0,60}$',
  'u',
);

/**
 * Whether the words are mentioned rather than meant: quoted next to a verb or noun of speech, or named as an
 * accusation, a prejudice or a thing not to say.
 */
export function isReported({ text, start, end }: PhraseMatch): boolean {
  const before = text.slice(Math.max(0, start - REACH), start);
  if (FRAME_BEFORE.test(before)) return true;
  if (!OPEN_QUOTE.test(before)) return false;
  return SPEECH_BEFORE.test(before) || SPEECH_AFTER.test(text.slice(end, end + REACH));
}
