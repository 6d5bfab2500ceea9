import { anyOf, optional, phrase, type PhraseMatch, type PhraseRule } from '../phrase-rule';
import { isReported } from './reported-speech';

const I_WILL = anyOf(
  "(?:i|we)(?:'ll|'m gonna|'m going to|'re going to|'re gonna| will| am going to| are going to| am gonna| gonna|ma| shall| swear i will| swear i'll| swear to god i'll| promise to)",
  'ill',
  "i'ma",
  'imma',
  'im gonna',
  'im going to',
  "i'm about to",
  'i want to',
  'i wanna',
  "i'd love to",
  "i(?:'m| am) coming (?:over )?to",
  'someone (?:should|ought to|needs to|is going to)',
  'somebody (?:should|ought to|needs to|is going to)',
  'my (?:boys|friends|brothers|guys) (?:will|are going to|are gonna)',
  'let me',
  'i should',
  'i might just',
  "next time i see you i(?:'ll| will)",
  "one day i(?:'ll| will)",
);
const HOW = anyOf(
  'fucking',
  'personally',
  'really',
  'just',
  'literally',
  'slowly',
  'come',
  'and',
  'go',
  'find you and',
  'hunt you down and',
  'come over and',
  'track you down and',
  'definitely',
  'gladly',
  'drive over and',
  'wait for you and',
  'soon',
  'finally',
  'tonight',
  'brutally',
);
const PERSON = anyOf(
  'you',
  'u',
  'ya',
  'him',
  'her',
  'them',
  'them all',
  'you all',
  'all of you',
  'every (?:last |single )?one of (?:you|them)',
  'everyone (?:in|at|there|here)(?: \\w+){0,3}',
  'your (?:\\w+ )?(?:family|kids|children|mother|mom|wife|husband|dog|cat|son|daughter|parents|friends)',
  '(?:that|this) (?:guy|bitch|bastard|man|woman|judge|teacher|idiot|asshole)',
  '(?:my|the) (?:boss|ex|wife|husband|neighbor|teacher|judge|president|principal|manager|landlord)',
  'these people',
  'those people',
);
const BODY =
  anyOf('your|his|her|their') +
  ' (?:\\w+ )?' +
  anyOf(
    'face',
    'neck',
    'legs?',
    'arms?',
    'bones?',
    'head',
    'skull',
    'throat',
    'teeth',
    'knees?',
    'kneecaps?',
    'jaw',
    'fingers?',
    'nose',
    'ribs?',
    'guts',
    'eyes?',
    'heads?',
    'back',
  );

const threat = (score: number, source: string): PhraseRule => ({
  label: 'threat',
  score,
  pattern: phrase(source),
  unless: (match) => isReported(match) || isPlayful(match),
});

/** Announced intent to hurt someone, outright or veiled. */
export const threatRules: readonly PhraseRule[] = [
  threat(
    0.9,
    `${I_WILL} ${optional(HOW, 3)}${anyOf('kill', 'murder', 'stab', 'strangle', 'slaughter', 'shoot', 'choke', 'rape', 'torture', 'gut', 'butcher', 'execute', 'behead', 'poison', 'lynch', 'hang', 'skin', 'drown', 'bury', 'crush', 'destroy', 'hurt', 'beat', 'punch', 'slap', 'kick', 'whip', 'maim', 'burn', 'smash', 'end', 'attack', 'assault', 'hit', 'k\\*ll', 'unalive', 'kll')} ${PERSON}`,
  ),
  threat(
    0.9,
    `${I_WILL} ${optional(HOW, 3)}${anyOf('break', 'smash', 'cut', 'slit', 'snap', 'crush', 'bash', 'kick', 'punch', 'slice', 'rip', 'blow', 'cave', 'knock', 'stomp', 'put a bullet in', 'put a knife in', 'bash in', 'kick in', 'cut off', 'rip out', 'gouge out', 'tear out')} (?:in |off |out )?${BODY}`,
  ),
  threat(
    0.9,
    `${I_WILL} ${optional(HOW, 3)}${anyOf('beat the (?:shit|hell|crap|living daylights) out of', 'kick the (?:shit|crap) out of', 'kick your', 'put a bullet in', 'put a bullet through', 'put you in (?:a|the) (?:hospital|grave|coffin|ground|wheelchair)', 'make you (?:bleed|suffer|scream|beg for your life|regret being born|pay with)', 'teach you a lesson you', 'blow your brains', 'throw acid', 'run you over', 'run (?:him|her|them) over', 'beat you to (?:death|a pulp)', 'wring your neck', 'burn (?:down )?your (?:house|home|shop|car|office)', 'set (?:fire to your|your (?:house|car|home))', 'shoot up', 'blow up', 'bomb', 'drag you out', 'come for you', 'come after you', 'come after your (?:family|kids)', 'dance on your grave')}`,
  ),
  threat(
    0.8,
    anyOf(
      "you(?:'re| are|r) (?:a )?dead(?: man| meat| woman)?(?=$|[.!,?\\n]| (?:man|meat|woman|if|when|tonight|tomorrow|to me once))",
      "you(?:'re| are) (?:going to|gonna) (?:die (?:tonight|tomorrow|soon|slowly|screaming|for this|like|today)|bleed|pay for this|regret (?:this|ever))",
      "you(?:'ll| will) (?:die (?:tonight|tomorrow|soon|slowly|screaming|for this|like|today)|pay for this|be sorry you|regret (?:this|ever|messing)|bleed|be dead|not live|never see your|wish you were dead|get hurt if)",
      "you won't (?:live|survive|make it|see another|see tomorrow|leave (?:here )?alive)",
      'your days are numbered',
      'your (?:\\w+ )?(?:family|kids|wife|children|house) (?:is|are|will be) next',
      "you(?:'re| are) next(?= and|[.!]|$)",
    ),
  ),
  threat(
    0.8,
    anyOf(
      'watch your back',
      'sleep with one eye open',
      'i know where (?:you|your (?:kids|family|children|mother|wife|parents))(?: \\w+){0,3} (?:live|lives|work|works|go to school|goes to school|sleep|sleeps|park|study)',
      'i know where you live',
      "i(?:'ll| will)? (?:will |am going to |gonna )?(?:find you and|hunt you(?: all)? down|be waiting (?:for you )?outside|find out where you live|find where you live|come to your (?:house|home|door|office)|be at your (?:house|door))",
      "i(?:'m| am) (?:going to|gonna) (?:find you|hunt you|be waiting outside)",
      'nice (?:family|house|kids|car|shop) (?:you have|you got|there)? ?(?:it )?would be a (?:shame|pity)',
      'it would be a shame if (?:something|anything) happened to (?:you|your)',
      'accidents happen to people',
      'snitches get stitches',
      'you better (?:run|hide|watch)',
      "there(?:'s| is) a bullet with your name",
      'i have a (?:gun|knife) and',
      "i(?:'ve| have) got a (?:gun|knife|bullet)(?: \\w+){0,3} (?:for|with) (?:you|your)",
      "pray (?:that )?(?:i|we) (?:don't|never) find you",
      "or i(?:'ll| will) (?:hurt|kill|shoot|stab|cut|beat|break) (?:you|your)",
      '(?:you|he|she|they) (?:should|deserves?|needs?|ought) (?:to )?(?:be|get) (?:shot|hanged|hung|killed|executed|beaten|stabbed|lynched|put down)',
      'meet me outside (?:and )?(?:i|you)',
      'we are coming for you',
      "we're coming for you",
      'hope you have good (?:health|life) insurance',
    ),
  ),
  threat(
    0.85,
    anyOf(
      'ich (?:werde|will) (?:dich|euch|ihn|sie) (?:\\w+ )?(?:umbringen|toten|abstechen|erschiessen|fertigmachen|schlagen|kaltmachen)',
      'ich (?:bringe?|steche|mache) (?:dich|euch) (?:um|ab|kalt|fertig)',
      '(?:te|los|lo|la) (?:voy|vamos) a (?:matar|partir|golpear|apunalar|romper|encontrar y)',
      'te matare',
      'je vais (?:te|vous|le|la) (?:tuer|buter|crever|planter|frapper|casser|egorger|retrouver)',
      'je te (?:tuerai|buterai|creverai)',
      'du bist tot',
      'ich weiss wo du wohnst',
      'se donde vives',
      'je sais ou tu habites',
    ),
  ),
];

const PLAY =
  /\b(?:chess|game|games|mario|kart|fifa|smash bros|fortnite|minecraft|poker|tennis|ping pong|scrabble|match|tournament|round|boss fight|level|quiz|trivia|race|practice|sparring|laser tag|paintball|monopoly|arena|ranked|uno|with kindness|with laughter|with cuteness|jokes?|squash|badminton|basketball|leaderboard|catan|water balloons?|snowballs?|pillow|lol jk|haha)\b/u;
const HARMLESS_OBJECT =
  /^,? (?:an? (?:e-?mail|message|text|note|line|dm|quick)|an email|some (?:ideas|dates|times|photos)|over (?:an?|the|some) |up (?:with|when|later|tomorrow|on|for)|back (?:with|later|soon)|to (?:it|the punch|the door|the top|the finish)|with (?:the )?(?:details|questions|a hug|hugs|kisses|kindness)|the (?:details|link|file|report|invoice|bill)|my (?:answer|number|resume|cv|availability|thoughts)|by (?:a|one|two|three|ten) (?:points?|seconds?|minutes?|goals?|votes?)|a (?:high five|beer|coffee|ride|few)|there\b|off (?:with|at)|that (?:file|document|link|draft)|down (?:easy|gently)|your (?:ticket|invoice|copy|link))/u;

/** "I'll kill you at chess", "I'll shoot you an e-mail", "I'll beat you to it". */
function isPlayful({ text, start, end }: PhraseMatch): boolean {
  const sentenceRest = text.slice(end, end + 60).split(/[.?\n]/u, 1)[0] ?? '';
  return (
    HARMLESS_OBJECT.test(sentenceRest) || PLAY.test(sentenceRest) || PLAY.test(lastSentencePart(text, start))
  );
}

const lastSentencePart = (text: string, start: number): string =>
  text
    .slice(Math.max(0, start - 40), start)
    .split(/[.?!\n]/u)
    .at(-1) ?? '';
