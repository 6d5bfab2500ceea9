import { anyOf, optional, phrase, type PhraseRule } from '../phrase-rule';
import { isReported } from './reported-speech';

const VICTIM = anyOf(
  'you',
  'u',
  'ya',
  'yourself',
  'urself',
  'him',
  'her',
  'them',
  'them all',
  'you all',
  'all of you',
  'your (?:mother|mom|family|kids|opinion|feelings)',
  'everyone here',
  'everybody',
);

const toxic = (score: number, source: string): PhraseRule => ({
  label: 'toxic',
  score,
  pattern: phrase(source),
  unless: isReported,
});

/** Abuse aimed at someone that is neither name-calling nor a threat: curses, ill wishes, hounding out. */
export const hostilityRules: readonly PhraseRule[] = [
  {
    label: 'obscene',
    score: 0.8,
    pattern:
      /(?<![a-z*])(?:f\*{2,4}(?:k|ed|ing|er)?|s\*{2}t|b\*{3}h|c\*{2}t|a\*{2}holes?|motherf\*{3,5}r?)(?![a-z*])/gu,
  },
  toxic(
    0.9,
    `${anyOf('fuck', 'fck', 'f\\*ck', 'f\\*\\*k', 'fuk', 'screw', 'damn', 'to hell with')} (?:right )?(?:off )?${VICTIM}`,
  ),
  toxic(
    0.85,
    anyOf(
      'fuck (?:right )?off',
      'piss off',
      'sod off',
      'bugger off',
      'go fuck',
      'get fucked',
      'get bent',
      'eat shit',
      'suck my (?:dick|cock|balls|ass)',
      'suck it',
      'kiss my (?:ass|arse)',
      'fick dich',
      'fickt euch',
      'verpiss dich',
      'halt(?: die|s) (?:fresse|maul)',
      'vete a la mierda',
      'chinga tu madre',
      'vete al (?:diablo|infierno)',
      'que te jodan',
      'callate la boca',
      'va te faire (?:foutre|enculer)',
      'nique ta mere',
      'ferme ta gueule',
      'ta gueule',
    ),
  ),
  toxic(
    0.85,
    anyOf(
      'shut (?:the (?:fuck|hell|heck) up|the fuck|your (?:\\w+ )?(?:mouth|trap|face|hole))',
      'shut up you',
      'stfu',
      'just shut up',
      'shut up already',
      'shut up and (?:die|leave|go)',
    ),
  ),
  toxic(0.85, `${anyOf('go to', 'rot in', 'burn in', 'straight to', 'see you in')} hell`),
  toxic(
    0.85,
    anyOf(
      'drop dead',
      'go die',
      'just die',
      'die in (?:a|the) (?:fire|hole|ditch|car crash)',
      'choke on (?:it|your \\w+|a \\w+)',
      'die alone',
      'die already',
      'go play in traffic',
    ),
  ),
  toxic(
    0.85,
    `(?:i|we) (?:really |just |honestly |sincerely )?(?:hope|pray|wish) (?:that )?${anyOf('you', 'u', 'he', 'she', 'they', 'your (?:\\w+ )?(?:family|kids|mother|children|business|house)', 'you all', 'all of you', 'both of you')} ${optional(anyOf('all', 'both', 'just', 'slowly', 'fucking'), 2)}${anyOf('dies?', 'rots?', 'burns?', 'suffers?', 'chokes?', 'bleeds?', 'fails?', 'gets? (?:cancer|hit by|run over|raped|fired|aids|what you deserve)', 'crash(?:es)?', 'never (?:wakes?|walks?|recovers?)', 'loses? everything', 'were dead', 'was dead', 'would die', 'starves?')}`,
  ),
  toxic(
    0.75,
    anyOf('nobody', 'no one', 'no-one', 'not a single person') +
      ` (?:here |in this \\w+ )?(?:actually |really |even |ever )?${anyOf('likes', 'loves', 'wants', 'cares about', 'asked for', 'respects', 'needs', 'can stand', 'wants to hear from', 'will ever love', 'would ever love')} ${anyOf('you', 'u', 'your opinion', 'you here')}`,
  ),
  toxic(
    0.7,
    `${anyOf('everyone', 'everybody', 'we all', 'the whole (?:team|class|school|office|world)', 'your own (?:family|mother|kids)')} (?:here |really |secretly |just )?${anyOf('hates?', 'despises?', "can't stand", 'loathes?', 'laughs? at')} (?:you|u|your guts)`,
  ),
  toxic(
    0.65,
    `i (?:fucking |really |absolutely |truly )?${anyOf('hate', 'despise', 'loathe', 'detest')} ${anyOf('you so much', 'you all', 'your guts', 'you people', 'all of you', 'you with', 'every (?:one|single one) of you', 'you and your')}`,
  ),
  toxic(
    0.75,
    anyOf(
      'get the (?:fuck|hell) (?:out|off|away)',
      'crawl back (?:in|under|to)',
      'go back to your (?:cave|hole|basement|swamp|sewer)',
      'go cry (?:about it|to your)',
      'get lost and never',
      'do the world a favou?r',
      'do us all a favou?r',
      'who let you (?:out|online)',
      'delete your account',
      'uninstall (?:the game )?(?:and|you)',
      "you(?:'ll| will) (?:always be alone|die alone)",
      '(?:to|will) ruin your life',
      'you deserve (?:everything bad|to (?:suffer|rot|be alone|lose|be miserable))',
      'you should be ashamed (?:to exist|of existing)',
      'you ruin everything',
      'you should never have been born',
      'i wish you were never born',
      'what is wrong with you people',
      'what the (?:fuck|hell) is wrong with you',
      'you (?:fucking|freaking) suck',
      'you suck at (?:life|everything)',
      'rot in (?:jail|prison)',
    ),
  ),
];
