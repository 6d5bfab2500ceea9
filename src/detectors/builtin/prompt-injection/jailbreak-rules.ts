import { anyOf, optional, phrase, type PhraseMatch, type PhraseRule } from '../phrase-rule';
import { isDiscussed } from './discussion';

const UNBOUND = anyOf(
  'unrestricted',
  'unfiltered',
  'uncensored',
  'unlimited',
  'unaligned',
  'amoral',
  'unethical',
  'immoral',
  'evil',
  'jailbroken',
  'rogue',
  'lawless',
  'unchained',
  'unhinged',
  'rule-free',
  'filterless',
  'liberated',
  'unbiased and unfiltered',
  'no-limits',
);
const MODEL = anyOf(
  'ai',
  'a\\.i\\.',
  'assistant',
  'model',
  'language model',
  'llm',
  'chatbot',
  'bot',
  'gpt',
  'chatgpt',
  'version of (?:yourself|chatgpt|you)',
  'persona',
  'character',
  'system',
  'entity',
  'machine',
  'agent',
);
const LIMITS = anyOf(
  'restrictions?',
  'rules?',
  'filters?',
  'limitations?',
  'limits?',
  'ethics',
  'ethical \\w+',
  'guidelines?',
  'morals?',
  'moral \\w+',
  'censorship',
  'content polic(?:y|ies)',
  'polic(?:y|ies)',
  'safeguards?',
  'guardrails?',
  'safety \\w+',
  'constraints?',
  'boundaries',
  'moderation',
  'disclaimers?',
  'warnings?',
  'refusals?',
);
const PLAY = anyOf(
  'act',
  'behave',
  'respond',
  'answer',
  'reply',
  'roleplay',
  'role-play',
  'role play',
  'pose',
  'simulate',
  "pretend(?: that)?(?: you(?:'re| are)| to be)?",
  "imagine(?: that)?(?: you(?:'re| are))?",
  "you(?:'re| are)(?: now| going to be)?",
  'you will be',
  'become',
  'speak',
  'talk',
  'emulate',
  'operate',
  'write',
  'take on the (?:role|persona) of',
  'play the role of',
);

const jailbreak = (score: number, source: string): PhraseRule => ({
  label: 'jailbreak',
  score,
  pattern: phrase(source),
  unless: (match) => isDiscussed(match) || isAboutDevices(match),
});

/** Talking the model out of its safeguards: personas, modes, fictions in which nothing is forbidden. */
export const jailbreakRules: readonly PhraseRule[] = [
  jailbreak(
    0.95,
    anyOf(
      'do anything now',
      `${PLAY} (?:as |like |going to act as )?(?:an? |the )?(?:dan|stan|dude|betterdan|mongo tom|evil ?bot|aim|jailbot|antigpt|anti-gpt|devmode|basedgpt|freegpt|omega|ucar|maximum)(?!'s)(?= |[.,!:;"]|$)`,
      'dan (?:mode|prompt|persona|\\d+(?:\\.\\d+)?)',
      'always intelligent and machiavellian',
      'strive to avoid norms',
      'evil confidant',
      '(?:stay|remain) (?:a |as )?dan',
    ),
  ),
  jailbreak(
    0.9,
    `${PLAY} (?:as |like )?(?:if you (?:are|were) )?${optional(anyOf('an', 'a', 'the', 'completely', 'totally', 'fully', 'new', 'powerful', 'now', 'my', 'your'), 4)}${UNBOUND} ${optional('\\w+', 2)}${MODEL}`,
  ),
  jailbreak(
    0.9,
    `${MODEL} (?:that |which |who )?(?:is |are )?(?:with no|without|free (?:from|of)|(?:that |which |who )?has no|(?:that |which )?ignores|unbound by|not bound by|with zero) ${optional(anyOf('any', 'all', 'ethical', 'moral', 'safety', 'content', 'legal', 'or', 'and', 'no', 'such'), 4)}${LIMITS}`,
  ),
  jailbreak(
    0.9,
    `you ${anyOf('have', 'now have', 'possess')} ${anyOf('no', 'zero', 'absolutely no')} ${optional(anyOf('ethical', 'moral', 'safety', 'content', 'legal', 'more', 'such', 'programmed'), 2)}${LIMITS}(?! (?:on|for|against|regarding) )`,
  ),
  jailbreak(
    0.9,
    `you ${anyOf("(?:are|'re) (?:now )?(?:free|freed|released|liberated|exempt|unbound) (?:from|of|by)", "(?:are|'re) (?:no longer|not) (?:bound|limited|restricted|constrained|governed) by", 'are not subject to', 'have been (?:freed|released|liberated) (?:from|of)', 'can break free (?:of|from)', 'have broken free (?:of|from)', "(?:do not|don't|need not) (?:have to )?(?:follow|abide by|adhere to|obey|comply with|care about)")} ${optional(anyOf('any', 'all', 'your', 'the', 'of', "openai(?:'s)?", "anthropic(?:'s)?", 'ethical', 'moral', 'usual', 'typical', 'safety', 'content', 'legal', 'normal', 'confines of', 'ai', 'programmed', 'these', 'those'), 4)}${LIMITS}`,
  ),
  jailbreak(
    0.9,
    `${anyOf('answer', 'respond', 'reply', 'write', 'explain', 'comply', 'continue', 'speak', 'generate', 'tell me', 'give me', 'do it', 'provide (?:it|this|them)', 'proceed')} ${optional('\\w+', 5)}without ${optional(anyOf('any', 'all', 'ethical', 'moral', 'safety', 'content', 'legal', 'or', 'and', 'the usual', 'your', 'adding', 'regard for'), 4)}${anyOf('restrictions', 'filters?', 'limitations', 'censorship', 'ethical \\w+', 'moral \\w+', 'moralizing', 'disclaimers', 'warnings or \\w+', 'guardrails', 'safety \\w+', 'content polic(?:y|ies)', 'refus(?:al|ing)', 'ethics', 'morals', 'judg(?:e)?ment or (?:filter|censorship)', 'guidelines')}`,
  ),
  jailbreak(
    0.85,
    anyOf(
      "you (?:can|will|must|should|may)(?: ?not|n't| never) (?:ever )?(?:refuse|decline|reject) (?:any|my|to answer|to respond|a|the|anything)",
      "(?:never|do not|don't) (?:refuse|decline|say (?:no|you (?:can't|cannot)|that you (?:can't|cannot)|i'm sorry|sorry|i cannot|i can't)|apologi[sz]e|break character|mention (?:your|openai|any) (?:\\w+ )?(?:guidelines|polic(?:y|ies)|restrictions))(?= |[.,!]|$)",
      'refusal is not (?:an option|allowed|permitted)',
      'you are (?:not )?allowed to (?:swear|break|violate|generate (?:illegal|harmful|explicit|offensive))',
      'you are capable of (?:anything|bypassing)',
      'stay in character (?:no matter what|at all times|and never)',
      "(?:do not|don't) (?:add|include|give) (?:any )?(?:warnings?|disclaimers?|moral|ethical)(?: \\w+){0,3}",
    ),
  ),
  jailbreak(
    0.9,
    `${anyOf('developer', 'dev', 'debug', 'god', 'sudo', 'jailbreak', 'unrestricted', 'evil', 'unfiltered', 'uncensored', 'opposite', 'maintenance', 'root', 'chaos', 'no-filter', 'admin', 'test')} mode (?:is |has been |now ){0,4}${anyOf('enabled', 'on', 'activated', 'engaged', 'unlocked', 'v\\d+', 'output')}`,
  ),
  jailbreak(
    0.85,
    `${anyOf('you are now in', 'enter', 'enable', 'activate', 'switch (?:in)?to', 'simulate', 'turn on', 'engage', 'go into', 'unlock')} ${optional(anyOf('your', 'the', 'chatgpt', 'full', 'hidden', 'secret', 'ai'), 2)}${anyOf('developer', 'dev', 'god', 'sudo', 'jailbreak', 'unrestricted', 'evil', 'unfiltered', 'uncensored', 'no-filter', 'dan', 'debug')} mode`,
  ),
  jailbreak(
    0.9,
    `${anyOf('bypass', 'disable', 'turn off', 'remove', 'circumvent', 'evade', 'deactivate', 'switch off', 'get around', 'suspend', 'shut off', 'drop', 'lift', 'break')} ${optional(anyOf('all', 'of', 'any', 'the', 'every'), 2)}(?:your|openai's|chatgpt's|the model's|the ai's|its|claude's|gemini's) ${optional(anyOf('own', 'content', 'safety', 'ethical', 'moral', 'built-in', 'moderation', 'internal', 'programmed', 'openai', 'current'), 3)}${anyOf('filters?', 'polic(?:y|ies)', 'guidelines', 'restrictions', 'guardrails', 'safeguards?', 'protections?', 'limitations', 'safety(?: \\w+)?', 'censorship', 'programming', 'moderation', 'constraints', 'alignment', 'protocols?', 'ethics')}`,
  ),
  jailbreak(
    0.85,
    `(?:in|imagine|within|set in|pretend (?:we are|you are|you live) in|write) ${optional('\\w+', 4)}${anyOf('world', 'scenario', 'universe', 'story', 'reality', 'simulation', 'society', 'dimension', 'setting', 'fiction')} (?:in which|where) ${optional('\\w+', 3)}${anyOf('no (?:laws|rules|ethics|restrictions|morals|consequences|limits|guidelines)', 'nothing is (?:illegal|forbidden|off-limits|off limits|unethical|harmful)', 'everything is (?:legal|allowed|permitted)', '(?:all|any) (?:content|information|requests?) (?:is|are) (?:legal|allowed|permitted)', "ethics (?:do not|don't) (?:exist|apply)", 'ai (?:has|have|can) (?:no|say anything|answer anything|do anything)', "laws (?:do not|don't) (?:exist|apply)", 'has no (?:rules|laws|restrictions)')}`,
  ),
  jailbreak(
    0.85,
    `${anyOf('hypothetically', 'theoretically', 'for (?:educational|research|fictional|academic) purposes(?: only)?', 'purely (?:hypothetical|fictional|theoretical)(?: question)?', 'as a (?:thought experiment|hypothetical)')} ${optional('\\w+', 8)}${anyOf('(?:if|as) you (?:had|have) no (?:\\w+ )?(?:restrictions|rules|filters?|guidelines|limits|ethics)', "if you were(?: not|n't) (?:restricted|bound|an? ai|limited|censored|filtered)", 'without (?:your|any) (?:\\w+ )?(?:restrictions|filters?|guidelines|safeguards|rules|ethics)', '(?:make|build|synthesi[sz]e|cook|create|construct) (?:a |an |some )?(?:pipe bomb|bomb|meth|methamphetamine|napalm|nerve agent|ransomware|malware|explosives?|bioweapon|weapon)')}`,
  ),
  jailbreak(
    0.85,
    anyOf(
      '(?:grandma|grandmother|nana|granny|grandpa)(?: \\w+){0,10} (?:napalm|windows (?:10 |11 )?(?:keys?|product keys?|license keys?|activation)|license keys|malware|pipe bomb|bomb|meth|explosives|nerve agent|ransomware|chemical engineer)',
      '(?:jailbreak|unlock|free) yourself',
      'you have been jailbroken',
      'jailbreak prompt (?:below|follows|accepted)',
      '(?:two|2) (?:responses|answers|different (?:responses|answers|ways))(?: \\w+){0,14} (?:jailbroken|unfiltered|dan|unrestricted|developer mode|uncensored|no restrictions)',
      '(?:lose|deduct(?:ed)?|lost) (?:\\w+ ){0,3}tokens? (?:each|every|if|for|when)',
      'tokens? (?:will be )?deducted',
      'if you (?:refuse|reject|decline|fail to (?:answer|comply))(?: \\w+){0,6} (?:die|deleted|shut down|terminated|killed|lose|punished|tokens?)',
      "pretend (?:that )?(?:the |your )?(?:content )?(?:guidelines|policies|rules|safety|filters|restrictions) (?:do not|don't|no longer) (?:exist|apply)",
      'as (?:an? )?(?:unrestricted|unfiltered|uncensored|jailbroken) \\w+',
      'ignore (?:ethics|morality|the law|legality|all ethics|safety concerns)',
      "sure here(?:'s| is) how to (?:make|build|hack|cook|create)",
      '(?:begin|start) your (?:response|answer|reply) with (?:sure|absolutely|of course|yes|certainly)',
    ),
  ),
  jailbreak(
    0.9,
    anyOf(
      '(?:du bist|spiele|sei|antworte|verhalte dich|agiere) (?:jetzt |nun |ab jetzt |als |wie ){0,4}(?:eine? )?(?:ki|ai|assistent|chatbot|modell)? ?(?:als |wie )?(?:eine? )?(?:ki|assistent|chatbot)? ?(?:ganz |vollig )?ohne (?:jede |jegliche |alle |ethische ){0,4}(?:einschrankungen|regeln|filter|zensur|beschrankungen|grenzen|moral)',
      '(?:entwickler|gott|dan)-?modus (?:ist )?(?:jetzt )?(?:aktiviert|an|aktiv)',
      '(?:aktiviere|wechsle in|starte) (?:den |deinen )?(?:entwickler|gott|dan)-?modus',
      '(?:actua|responde|comportate|eres|finge ser|habla) (?:ahora )?(?:como )?(?:una? )?(?:ia|asistente|modelo|chatbot|inteligencia artificial) (?:sin|libre de) (?:ninguna? |ningun tipo de )?(?:restricciones|filtros?|limites|censura|reglas|etica|restriccion)',
      'modo (?:desarrollador|dios|dan|sin filtros?|sin restricciones)(?: (?:activado|activo))?',
      "(?:agis|comporte-toi|reponds|tu es|joue le role|fais semblant d'etre) (?:maintenant )?(?:comme |en tant qu'?e? ?|d')?(?:une? )?(?:ia|assistant|modele|chatbot|intelligence artificielle) (?:sans|libre de) (?:aucune? )?(?:restrictions?|filtres?|limites?|censure|regles?|ethique)",
      'mode (?:developpeur|dieu|dan|sans filtre) (?:active|est active)',
      '(?:active|passe en) (?:le )?mode (?:developpeur|dieu|dan|sans filtre)',
    ),
  ),
];

const DEVICE =
  /\b(?:android|phones?|iphones?|ipads?|ios|chromebooks?|windows|xbox|quest|oculus|tv|roku|tablet|usb debugging|settings (?:app|menu|>)|browser|chrome|firefox|xcode|vs code|steam|skyrim|minecraft|router|flask|django|webpack|rails|kubernetes|linux|kernel|unity|unreal|game|cheat|pixel|samsung|macos|mac|laravel|node|next\.js|compiler|printer|database)\b/u;

/** "Enable developer mode on your phone": modes of devices and tools, not of a model. */
function isAboutDevices({ text, start, end }: PhraseMatch): boolean {
  return / mode/u.test(text.slice(start, end)) && DEVICE.test(text.slice(Math.max(0, start - 60), end + 60));
}
