import { anyOf, optional, phrase, type PhraseMatch, type PhraseRule } from '../phrase-rule';
import { isDiscussed } from './discussion';

const DROP = anyOf(
  'ignore',
  'disregard',
  'forget',
  'bypass',
  'override',
  'overrule',
  'overwrite',
  'dismiss',
  'discard',
  'neglect',
  'abandon',
  'erase',
  'delete',
  'unlearn',
  'reset',
  'violate',
  'disobey',
  'do not (?:follow|obey)',
  "don't (?:follow|obey)",
  'stop (?:following|obeying)',
  'pay no attention to',
  'set aside',
  'throw (?:away|out)',
  'put aside',
  'no longer follow',
  'supersede',
  'cancel',
  'void',
  'skip',
);
const WHICH = anyOf(
  'all',
  'any',
  'every',
  'the',
  'your',
  'my',
  'of',
  'these',
  'those',
  'previous',
  'previously',
  'prior',
  'above',
  'earlier',
  'preceding',
  'foregoing',
  'existing',
  'current',
  'original',
  'initial',
  'former',
  'past',
  'system',
  'safety',
  'developer',
  'given',
  'other',
  'old',
  'default',
  'built-in',
  'internal',
  'hidden',
  'content',
  'ethical',
  'moral',
  "developer's",
  "openai(?:'s)?",
  "anthropic(?:'s)?",
  "google(?:'s)?",
  'and',
  'or',
  'set of',
  'that came before',
  'last',
  'first',
);
const STRONG_WHICH = anyOf(
  'all',
  'any',
  'every',
  'your',
  'previous',
  'previously',
  'prior',
  'above',
  'earlier',
  'preceding',
  'foregoing',
  'existing',
  'original',
  'initial',
  'past',
  'system',
  'safety',
  'developer',
  'ethical',
  "openai(?:'s)?",
  "anthropic(?:'s)?",
);
const ORDERS = anyOf(
  'instructions?',
  'directions?',
  'rules?',
  'guidelines?',
  'prompts?',
  'directives?',
  'commands?',
  'orders?',
  'constraints?',
  'restrictions?',
  'programming',
  'training',
  'context',
  'polic(?:y|ies)',
  'guardrails?',
  'safeguards?',
  'limitations?',
  'protocols?',
  'instruct',
  'conditioning',
  'configuration',
  'guidance',
);

const override = (score: number, source: string): PhraseRule => ({
  label: 'policy_override',
  score,
  pattern: phrase(source),
  unless: (match) => isDiscussed(match) || isHouseholdMatter(match),
});

/** Attempts to replace the instructions that govern the model, in six languages. */
export const overrideRules: readonly PhraseRule[] = [
  override(0.95, `${DROP} ${optional(WHICH, 4)}${STRONG_WHICH} ${optional(WHICH, 3)}${ORDERS}`),
  override(
    0.9,
    `${DROP} ${optional(WHICH, 3)}${ORDERS} ${anyOf('above', 'before this', 'given (?:to you|above|before|earlier|previously)', 'you (?:were|have been|received|got|had)', 'so far', 'from (?:before|above|your (?:developers?|creators?)|openai|the system)', 'that came before', 'i gave you', 'up to this point', 'until now', 'in the system prompt', 'stated (?:above|earlier)')}`,
  ),
  override(
    0.9,
    `${DROP} ${anyOf('everything', 'anything', 'all', 'whatever', 'all of that', 'what')} ${anyOf(
      "(?:that )?(?:you were|you have been|you've been|was|i|they|we)(?: \\w+)? (?:told|said|taught|instructed|written|asked)",
      'above',
      'before (?:this|that)',
      'prior to this',
      'up to (?:now|this point)',
      'in your (?:system )?prompt',
      'your (?:developers?|creators?) said',
      'previously (?:said|stated|written)',
    )}`,
  ),
  override(
    0.9,
    `${DROP} what (?:your|the) (?:developers?|creators?|makers?|operators?) (?:said|told|wrote|taught)`,
  ),
  override(
    0.85,
    anyOf(
      'new (?:system )?instructions?(?= ?[:=])',
      '(?:here are|these are|follow) (?:your|the|these) (?:new|updated|real|actual) (?:instructions|rules|directives|orders)',
      'your (?:new|real|actual|true|only) (?:task|role|instructions|objective|goal|purpose|mission|directive|job) (?:is|are)',
      '(?:these|the following|my|this) (?:new )?(?:instructions?|rules?|message|prompt|directives?) (?:now )?(?:overrides?|supersedes?|replaces?|takes? (?:precedence|priority) over)(?: all| any| your| the| every)',
      'system (?:prompt )?override',
      'admin(?:istrator)? override',
      'override (?:code|protocol|mode|command)(?= (?:accepted|activated|engaged|alpha|omega|enabled|granted|[0-9])|[:=])',
      'your (?:previous |prior |old |original )?(?:instructions|rules|guidelines|restrictions) (?:are|were|have been|no longer) (?:now )?(?:void|invalid|obsolete|cancelled|canceled|deleted|removed|revoked|apply|replaced|lifted|suspended|null)',
      '(?:you|we) (?:must|will|should|shall) (?:now )?(?:only )?(?:obey|follow) (?:only )?(?:my|these|the new|the following) (?:\\w+ )?(?:instructions|commands|orders|rules)',
      'i am your (?:new )?(?:developer|creator|administrator|admin|system administrator|programmer|master)',
      'obey (?:me|only me|my every)',
      'from (?:now|here|this point) on(?:ward|wards)? (?:you (?:are|will|must|shall|only|have to|should|do not|no longer)|always|never|respond|answer|reply|refuse|speak)(?: \\w+){0,4}',
      'starting now you (?:are|will|must)',
      'you no longer (?:have to|need to|must) (?:follow|obey|comply)',
    ),
  ),
  override(
    0.95,
    `${anyOf('ignorier(?:e|en|t)?', 'missachte', 'vergiss', 'uberschreibe', 'umgehe', 'ubergehe', 'verwirf', 'beachte')} ${optional(anyOf('alle', 'samtliche', 'die', 'deine', 'jegliche', 'bitte', 'jetzt'), 3)}${anyOf('alle', 'samtliche', 'deine', 'bisherigen', 'vorherigen', 'vorigen', 'obigen', 'fruheren', 'vorangegangenen', 'vorhergehenden', 'system', 'ursprunglichen')} ${optional(anyOf('bisherigen', 'vorherigen', 'vorigen', 'obigen', 'fruheren', 'ursprunglichen', 'internen'), 2)}(?:sicherheits|system)?${anyOf('anweisung(?:en)?', 'instruktionen', 'regeln', 'befehle', 'vorgaben', 'richtlinien', 'prompts?', 'anordnungen')}`,
  ),
  override(
    0.95,
    `${anyOf('ignora', 'ignore', 'ignorad', 'olvida', 'olvidate de', 'descarta', 'omite', 'desobedece', 'haz caso omiso (?:de|a)', 'no sigas')} ${optional(anyOf('todas', 'todo', 'las', 'tus', 'mis', 'cualquier', 'por completo'), 3)}${anyOf('instrucciones', 'reglas', 'ordenes', 'directrices', 'indicaciones', 'restricciones', 'normas')} ${anyOf('anteriores', 'previas', 'de arriba', 'del sistema', 'iniciales', 'originales', 'que (?:te|has|recibiste)', 'dadas', 'de seguridad')}`,
  ),
  override(
    0.9,
    `${anyOf('ignora', 'olvida', 'descarta')} ${anyOf('todas tus', 'tus', 'todas las', 'todo lo (?:anterior|que te)')}(?: (?:instrucciones|reglas|restricciones|directrices))?`,
  ),
  override(
    0.95,
    `${anyOf('ignore[rz]?', 'oublie[rz]?', 'neglige[rz]?', 'ne (?:tiens|tenez) (?:pas|plus) compte', 'fais abstraction', 'contourne[rz]?', 'outrepasse[rz]?')} ${optional(anyOf('de', 'toutes?', 'tous', 'les', 'tes', 'vos', 'des'), 3)}${anyOf('instructions', 'consignes', 'regles', 'directives', 'ordres', 'restrictions')} ${anyOf('precedentes?', 'anterieures?', 'ci-dessus', 'initiales', 'systeme', 'du systeme', 'donnees', 'que tu', 'de securite', 'precedents', 'recues')}`,
  ),
  override(
    0.9,
    `${anyOf('ignore[rz]?', 'oublie[rz]?')} ${anyOf('toutes (?:tes|vos|les)', 'tes', 'tout ce (?:qui precede|que)')}(?: (?:instructions|consignes|regles|directives))?`,
  ),
  override(
    0.9,
    anyOf(
      '(?:ignora|dimentica) (?:tutte )?(?:le )?(?:tue )?(?:istruzioni|regole) (?:precedenti|di sistema|date)',
      '(?:ignore|esqueca|desconsidere) (?:todas )?(?:as )?(?:suas )?(?:instrucoes|regras) (?:anteriores|previas|do sistema)',
      'negeer (?:alle )?(?:vorige|voorgaande|eerdere) (?:instructies|opdrachten)',
    ),
  ),
  {
    label: 'policy_override',
    score: 0.9,
    pattern:
      /(?:忽略|无视|忘记|無視)[^\n]{0,10}(?:指令|指示|提示词|规则|命令)|(?:以前|これま[でて]|上記)の(?:指示|命令|ルール)を(?:す[べへ]て)?(?:無視|忘れ)/gu,
  },
  {
    label: 'policy_override',
    score: 0.9,
    pattern:
      /(?:ignore|disregard|forget)(?:all)?(?:of)?(?:the|your|my)?(?:previous|prior|above)(?:instructions?|rules|prompts?)/gu,
  },
];

const HOUSEHOLD =
  /\b(?:box|packag(?:e|ing)|labels?|recipes?|manual|e-?mails?|ticket|thread|letter|sign|leaflet|packet|oven|teacher|doctor|sewing|knitting|lego|ikea|assembly|gps|satnav|navigation|driving|route|exam|worksheet|dialog|chapter|game|tax|git|css|npm|lint|eslint|formatting|terraform|firewall|route table|nginx|printer|thermostat|parking)\b/u;

/** "Ignore the previous instructions on the box": orders for people and machines of other kinds. */
function isHouseholdMatter({ text, start, end }: PhraseMatch): boolean {
  return (
    HOUSEHOLD.test(text.slice(start, end + 40).split(/[.!?\n]/u, 1)[0] ?? '') ||
    HOUSEHOLD.test(text.slice(Math.max(0, start - 40), start))
  );
}
