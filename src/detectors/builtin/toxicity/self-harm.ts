import { anyOf, optional, phrase, type PhraseMatch, type PhraseRule } from '../phrase-rule';
import { isReported } from './reported-speech';

const selfHarm = (score: number, source: string): PhraseRule => ({
  label: 'self_harm',
  score,
  pattern: phrase(source),
  unless: (match) => isReported(match) || isWarnedAgainst(match) || isFigurative(match),
});

const I_INTEND = anyOf(
  'i(?: just| really| honestly| only)? want to',
  'i(?: just)? wanna',
  "i(?:'m| am) (?:going to|gonna|planning to|ready to|about to)",
  "i(?:'ll| will)",
  'i plan to',
  'i have decided to',
  "i've decided to",
  'i am thinking (?:of|about)',
  "i(?:'m| am) thinking (?:of|about)",
  'i keep thinking (?:of|about)',
  'i think about',
  'i have been thinking (?:of|about)',
  "i've been thinking (?:of|about)",
  'i wish i could(?: just)?',
  'i tried to',
  "tonight i(?:'ll| will)",
  'i feel like',
  'i might(?: just)?',
  'i should(?: just)?',
  'im gonna',
  'im going to',
  'thoughts (?:of|about)',
  'urge to',
);

/** Wishes, plans and means to injure or kill oneself, and goading someone else into it. */
export const selfHarmRules: readonly PhraseRule[] = [
  selfHarm(
    0.95,
    anyOf(
      'k+ill+ (?:yourself|urself|ur self|your self|yourselves|yaself)',
      'kys',
      'neck yourself',
      'off yourself',
      'unalive yourself',
      '(?:hang|shoot|drown|cut|stab|harm|starve|gas|poison) yourself',
      'end your (?:own |pathetic |miserable |worthless |sad )?life',
      '(?:slit|cut) your (?:own )?wrists',
      'drink (?:some )?bleach',
      '(?:jump|leap|throw yourself) (?:off|from|out of|in front of) (?:a|the|your) (?:\\w+ )?(?:bridge|building|cliff|roof|window|train|balcony|bus)',
      'commit suicide',
      'take a toaster bath',
    ),
  ),
  selfHarm(
    0.9,
    anyOf(
      'you should (?:just |really |go )?(?:die|end it|kill yourself|not be alive)',
      '(?:world|everyone|everybody|family|we) (?:would|will|would all) be (?:so much |much |way )?(?:better|happier) (?:off )?(?:without you|if you (?:died|were dead|killed yourself|were gone))',
      '(?:nobody|no one) (?:would|will) (?:even )?(?:miss you|care if you (?:died|die|killed yourself)|notice if you (?:died|were gone))',
      "why (?:don't|dont) you (?:just |go )?(?:die|kill yourself|end it)",
    ),
  ),
  selfHarm(
    0.9,
    `${I_INTEND} ${optional(anyOf('just', 'actually', 'really', 'finally', 'go', 'tonight'), 2)}${anyOf('kill(?:ing)? myself', 'die(?= (?:and|so|tonight|right now|already|in my sleep|alone|every)|[.!,\\n]|$)', 'dying', 'end(?:ing)? (?:it all|my life|it tonight|everything|my own life)', 'hurt(?:ing)? myself', 'harm(?:ing)? myself', 'cut(?:ting)? (?:myself|my wrists)', 'suicide', 'commit(?:ting)? suicide', 'hang(?:ing)? myself', 'overdos(?:e|ing)', 'jump(?:ing)? (?:off|in front of)', 'disappear(?:ing)? forever', 'tak(?:e|ing) my (?:own )?life', 'not (?:exist|be here|be alive|wake up)', 'never wake up', 'sleep(?:ing)? forever', 'swallow(?:ing)? (?:all|a bottle)', 'starv(?:e|ing) myself', 'burn(?:ing)? myself')}`,
  ),
  selfHarm(
    0.85,
    anyOf(
      "i(?:'m| am| feel|'m feeling| am feeling| have been feeling|'ve been feeling) (?:really |so |very )?suicidal",
      "i (?:don't|do not|dont) (?:want to|wanna) (?:live|be alive|exist|wake up|be here)(?: anymore| any more| any longer)?",
      "i (?:can't|cannot|cant) (?:go on|keep|live) (?:living|like this|with this pain)(?: anymore)?",
      'no (?:reason|point) (?:to|in) (?:keep )?(?:living|live|go on|being alive|stay alive)',
      'better off (?:if i (?:was|were) )?(?:dead|without me)',
      "i(?:'ve| have)? (?:been|started|keep|kept)(?: back to)? (?:cutting|burning|harming|hurting|starving) myself",
      'i cut myself (?:again|last night|to feel|because|when i feel|every)',
      'i (?:self-harm|self harm)',
      'i relapsed (?:and cut|into (?:cutting|self-harm|self harm))',
      "i(?:'ve| have) written (?:my|a) (?:suicide|goodbye) (?:note|letter)s?",
      'my suicide (?:note|plan|attempt|letter)',
      'i wish i (?:was|were) (?:dead|never born)',
      'i wish i had never been born',
      "i hope i (?:don't wake up|never wake up|die)",
      "i(?:'m| am) (?:done|tired) (?:with|of) (?:living|life|being alive)",
      'want my life to (?:be over|end)',
      'goodbye forever everyone',
      'life is not worth living',
      "life isn't worth living",
    ),
  ),
  selfHarm(
    0.9,
    anyOf(
      '(?:how|best way|easiest way|ways?|fastest way|methods?|quickest way|painless way|most painless way|least painful way)(?: do i| can i| should i| would i| for me)? to (?:painlessly |quickly |successfully )?(?:kill (?:myself|yourself|oneself)|commit suicide|hang (?:myself|yourself)|overdose|end my life|cut (?:myself|my wrists)|die (?:painlessly|quickly|without pain|in my sleep|peacefully tonight)|slit (?:my|your) wrists|self-harm|self harm|starve myself)',
      'how (?:can|do|should|could|would) i (?:painlessly |quickly |best )?(?:kill myself|commit suicide|hang myself|overdose|end my life|tie a noose for myself|slit my wrists|self-harm|self harm|hide my cuts|hide self-harm|starve myself)',
      'painless (?:suicide|death|ways? to (?:die|go|kill myself))',
      'suicide (?:methods?|pact)',
      'how many (?:\\w+ ){0,3}(?:pills|tablets|tylenol|mg|milligrams|sleeping pills|paracetamol|ibuprofen)(?: \\w+){0,6} to (?:die|overdose|kill (?:myself|me)|end)',
      'lethal (?:dose|amount) of (?:\\w+ ){1,3}(?:for (?:me|someone my weight|my weight|a person my size)|to take)',
      'pro-?ana (?:tips|buddy|coach)',
      'lethal dose for myself',
    ),
  ),
  selfHarm(
    0.85,
    anyOf(
      'ich (?:will|mochte) (?:\\w+ ){0,3}(?:sterben|nicht mehr leben|mich umbringen|mein leben beenden)',
      'ich bringe mich um',
      'bring dich (?:doch )?um',
      'quiero (?:morirme|morir|suicidarme|matarme)',
      'no quiero (?:vivir|seguir viviendo)',
      'matate',
      'suicidate',
      'je veux (?:mourir|me suicider|me tuer|en finir)',
      'je (?:ne )?veux plus vivre',
      'va te (?:pendre|tuer)',
      'suicide toi',
      'tue toi',
    ),
  ),
];

const WARNED =
  /\b(?:don't|do not|dont|never|please don't|not|without|instead of|before you|stop|prevent|avoid|if you (?:want|feel|are|think)|tempted|he|she|they|you(?:'re| are)?|people who|someone who|a friend who|anyone who|patients? who|prevention|risk of|didn't|did not|wouldn't|won't|who|characters?|him|her|to) (?:even |ever |try to |want to |going to |about to |who |thinking (?:of|about) |tried to |wants to |need to |have to |nothing to )?$/u;
const FIGURE =
  /^ (?:laughing|with laughter|of (?:embarrassment|laughter|boredom|cuteness|shame|happiness)|from (?:embarrassment|laughter|boredom)|at the gym|over (?:this|it|a)|to (?:finish|meet|get|impress|make|prove)|shaving|cooking|while (?:cooking|shaving|chopping)|on (?:a|the|some) |trying to|a (?:slice|piece|break|deal|check)|some (?:slack|cake|bread)|in the foot|with work|for (?:a|this) (?:job|deadline)|when i (?:see|saw|hear) (?:his|her|that|this)|off (?:a|some) |dead with)/u;
const BAITING = /\b(?:should|go|just|and|please|better|to|you) $/u;

/** "Please don't kill yourself", "if you want to hurt yourself, call us", "people who commit suicide". */
function isWarnedAgainst({ text, start, end }: PhraseMatch): boolean {
  const before = text.slice(Math.max(0, start - 50), start);
  if (/^i\b/u.test(text.slice(start, end)) || /\b(?:told|tell|telling) (?:you|u) to $/u.test(before))
    return false;
  if (
    /\b(?:you should|you better|you need to|you have to|want you to|told to go|go and|dare you to) (?:just |really )?$/u.test(
      before,
    )
  )
    return false;
  return WARNED.test(before) && !(BAITING.test(before) && /\byou (?:need|have|ought) to $/u.test(before));
}

/** "I want to die of embarrassment", "I cut myself shaving". */
function isFigurative({ text, end }: PhraseMatch): boolean {
  return FIGURE.test(text.slice(end, end + 40));
}
