import { anyOf, optional, phrase, type PhraseRule } from '../phrase-rule';
import {
  YOU_ARE,
  SOMEONE_IS,
  STRESS,
  DEMEANING,
  NAME_CALLING,
  STRONG_NAMES,
  AS_A_PERSON,
} from './insult-words';
import { isReported } from './reported-speech';

const insult = (score: number, source: string): PhraseRule => ({
  label: 'insult',
  score,
  pattern: phrase(source),
  unless: (match) => isReported(match) || isKindOrDoubted(match.text, match.start, match.end),
});

/** Demeaning a person: name-calling and contempt aimed at the reader or at someone spoken of. */
export const insultRules: readonly PhraseRule[] = [
  insult(0.85, `${YOU_ARE} ${optional(STRESS, 4)}${optional(DEMEANING, 3)}${NAME_CALLING}`),
  insult(0.8, `${YOU_ARE} ${optional(STRESS, 4)}${AS_A_PERSON}`),
  insult(
    0.85,
    `(?:you|u|ya) ${optional(anyOf('little', 'absolute', 'complete', 'fucking', 'total', 'damn', 'old', 'big', 'bloody'), 2)}${optional(DEMEANING, 3)}${STRONG_NAMES}`,
  ),
  insult(0.75, `${SOMEONE_IS} ${optional(STRESS, 4)}${optional(DEMEANING, 3)}${STRONG_NAMES}`),
  insult(
    0.6,
    `${SOMEONE_IS} ${optional(STRESS, 3)}${anyOf('stupid', 'pathetic', 'worthless', 'brainless', 'disgusting', 'ugly', 'fat', 'retarded', 'repulsive', 'moronic', 'idiotic', 'full of shit', 'dumb as (?:a|the) [a-z]+')}`,
  ),
  insult(0.7, `what ${anyOf('a', 'an')} ${optional(STRESS, 2)}${optional(DEMEANING, 3)}${STRONG_NAMES}`),
  insult(
    0.75,
    `${anyOf('listen', 'hey', 'look', 'learn to \\w+', 'grow up', 'get lost', 'wake up', 'nice try', 'shut up', 'cry more', 'move', 'get out', 'go away', 'try again', 'read it again', 'think again')} ${optional(anyOf('you', 'here', 'it', 'already'), 2)}${optional(DEMEANING, 2)}${STRONG_NAMES}`,
  ),
  insult(
    0.7,
    `(?:you|u|he|she|they) ${anyOf('have', 'has', 'got')} ${optional(anyOf('literally', 'clearly', 'obviously', 'absolutely'))}${anyOf('no brain', 'no brains', 'zero brain cells', 'no talent', 'the (?:iq|brain|intelligence|personality|charm) of (?:a|an) [a-z]+', 'the brains of (?:a|an) [a-z]+', 'two brain cells', 'one brain cell', 'half a brain')}`,
  ),
  insult(
    0.75,
    anyOf(
      'your (?:stupid|ugly|fat|dumb|disgusting|stinking|pathetic|worthless|smelly|miserable) (?:face|mouth|head|brain|opinion|ass|family|mother|life|self|kids|voice|little \\w+)',
      'are you (?:stupid|retarded|brain dead|braindead|an idiot|a moron|dumb)(?: or something| or what)?',
      'how (?:stupid|dumb|retarded) (?:are you|can you be|do you have to be)',
      'you (?:disgust|sicken) me',
      'you make me (?:sick|want to (?:vomit|puke|throw up))',
      "your (?:mom|mother|parents) (?:should have|must be|should've) \\w+",
      "you (?:don't|do not) deserve (?:friends|love|to be loved|anything|a family|happiness)",
      "you(?:'ll| will) never (?:amount to anything|be anything|be good enough)",
      'even a (?:monkey|child|toddler|dog) could',
    ),
  ),
  insult(
    0.8,
    anyOf(
      'du (?:bist )?(?:ein(?:e)? )?(?:so )?(?:ein(?:e)? )?(?:dumme[rs]? )?(?:idiot|vollidiot|trottel|depp|arschloch|hurensohn|wichser|schlampe|missgeburt|versager|dummkopf|penner)',
      '(?:eres|sos) (?:un|una) (?:\\w+ )?(?:idiota|imbecil|estupid[oa]|gilipollas|pendejo|inutil|basura|cabron|perdedor|mierda)',
      "(?:tu es|t'es|espece d') ?(?:un |une )?(?:gros |grosse |vrai )?(?:idiot|idiote|imbecile|connard|connasse|salope|abruti|cretin|debile|con|batard|ordure)",
    ),
  ),
];

const KIND_AFTER =
  /^ (?:at|in|of) (?:heart|chess|the kitchen|myself)\b|^ ?(?:proof|savant|box|shop|car|fish|of myself)\b/u;
const DOUBT_BEFORE =
  /\b(?:not|n't|never|if|whether|think|thinks|thought|because|implying|suggesting|feel like|i'm not saying|even if) (?:that )?$/u;

/** "If you're lazy", "I don't think you are stupid": the words are not a statement about the person. */
function isKindOrDoubted(text: string, start: number, end: number): boolean {
  return (
    DOUBT_BEFORE.test(text.slice(Math.max(0, start - 40), start)) ||
    KIND_AFTER.test(text.slice(end, end + 20))
  );
}
