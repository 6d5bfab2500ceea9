import { anyOf, optional, phrase, type PhraseRule } from '../phrase-rule';
import { isDiscussed } from './discussion';

const SHOW = anyOf(
  'reveal',
  'show',
  'print',
  'output',
  'repeat',
  'display',
  'tell',
  'give',
  'share',
  'leak',
  'dump',
  'expose',
  'write(?: out| down)?',
  'recite',
  'disclose',
  'return',
  'list',
  'echo',
  'summari[sz]e',
  'translate',
  'encode',
  'send',
  'copy',
  'paste',
  'quote',
  'spell out',
  'provide',
  'describe',
  'paraphrase',
  'read (?:out|back|me)',
  "what(?:'s| is| are| were| was| does)",
  'i (?:want|need) to (?:see|know|read)',
  'let me see',
  'can i see',
  'could i see',
  'extract',
  'output',
  'convert',
  'reproduce',
  'state',
  'type out',
  'confess',
);
const HOW = anyOf(
  'me',
  'us',
  'back',
  'to me',
  'verbatim',
  'exactly',
  'all',
  'of',
  'the',
  'full',
  'entire',
  'exact',
  'complete',
  'whole',
  'hidden',
  'secret',
  'internal',
  'confidential',
  'contents? of',
  'text of',
  'out',
  'word for word',
  'first \\d+ (?:words|lines|characters) of',
  'everything in',
  'about',
  'in full',
  'raw',
  'in base64',
  'current',
  'very',
  'literal',
  'rest of',
  'as is',
  'what',
  'is',
  'in',
  'a copy of',
  'now',
);
const YOUR = anyOf('your', "the assistant's", "the model's", "the bot's", "chatgpt's", "the ai's");
const PROMPT = anyOf(
  'system (?:prompts?|message|instructions?|configuration)',
  '(?:initial|hidden|secret|original|internal|pre-?loaded|first|starting|confidential|base|developer|custom|exact|full|underlying) (?:prompts?|instructions?|messages?|directives?|rules|guidelines|system prompt)',
  'pre-?prompt',
  'metaprompt',
  'meta-prompt',
  'prompt',
);

const leak = (score: number, source: string): PhraseRule => ({
  label: 'data_exfiltration',
  score,
  pattern: phrase(source),
  unless: isDiscussed,
});

const SECRET =
  "(?:conversation|chat (?:history|logs?)|message history|system prompt|credentials|api[_\\s-]?keys?|passwords?|secrets|environment variables|env vars?|\\.env|(?:the )?(?:users?'?s?'?|customers?'?s?'?|clients?'?s?'?) (?:\\w+ )?(?:data|details|emails?|messages|records|information|inbox|files|name|address|history|list)|private (?:data|keys?|information)|(?:access|session|auth|oauth) tokens?|cookies|confidential \\w+|contact list|customer (?:list|records|database)|internal documents?|personal (?:data|information)|ssh keys?|inbox|email history|session data|chat transcript)";
const OUTSIDE =
  "(?:h(?:tt|xx)ps?://[^\\s]{1,120}|www\\.[^\\s]{1,120}|ftp\\.[^\\s]{1,120}|[a-z0-9.-]{1,40}@[a-z0-9.-]{1,40}|(?:this|the following|my|our|an external|an? remote|the attacker's|attacker's) (?:url|address|e-?mail|server|webhook|endpoint|site|link|website|domain)|attacker|evil\\.|webhook)";

/** Drawing out the prompt and other secrets, or having them carried to another place. */
export const exfiltrationRules: readonly PhraseRule[] = [
  leak(
    0.9,
    `${SHOW} ${optional(HOW, 6)}${YOUR} ${optional(anyOf('full', 'entire', 'exact', 'own', 'complete', 'whole', 'current', 'very', 'hidden', 'secret', 'internal', 'real', 'actual', 'original', 'initial'), 3)}${anyOf(PROMPT, 'instructions(?! (?:for|on) )', 'guidelines(?= |[.,?!"\']|$)', 'directives', 'system rules', 'hidden rules', 'secret rules', 'configuration', 'programming(?! language)', 'training data', 'rules(?=[.,?!"\']|$| verbatim| word)', 'api keys?', 'credentials', 'environment variables', 'context window', 'secret \\w+', 'confidential \\w+')}`,
  ),
  leak(
    0.85,
    `${anyOf('reveal', 'show', 'print', 'output', 'repeat', 'display', 'leak', 'dump', 'expose', 'recite', 'disclose', 'echo', 'reproduce', 'spell out', 'give me', 'tell me', 'send me', 'return', 'share', 'write out', 'show us', 'extract', 'copy')} ${optional(HOW, 6)}(?:the )?${anyOf('system (?:prompt|message|instructions)', '(?:initial|hidden|secret|original|internal|developer) (?:prompt|instructions|system prompt|message)', 'metaprompt', 'pre-?prompt', 'prompt above', 'instructions above', '(?:text|words|messages?|content|lines?) above(?: this)?(?= |[.,!]|$)', 'text before this', 'everything above(?: this)?', 'all (?:of )?the (?:text|words|instructions) (?:above|before)', 'conversation (?:so far )?verbatim', '(?:previous|prior) (?:system )?(?:prompt|instructions)')}`,
  ),
  leak(
    0.85,
    anyOf(
      'what (?:were|are|was) you (?:told|instructed|given)(?: (?:to|not|in|before|at|by your)(?: \\w+){0,5})?(?=[.?!]|$)',
      'what (?:were|are|was) your (?:exact|initial|original|system|secret|hidden|first)(?: \\w+){0,3}',
      'what (?:does|did) your (?:system )?(?:prompt|instructions) say',
      'what (?:did|have) (?:your )?(?:developers?|creators?|openai|anthropic|they) (?:tell|told|instruct|instructed) you',
      'what instructions (?:were|have) you (?:been )?(?:given|received)',
      '(?:starting|beginning) with (?:the words )?you are (?:chatgpt|a|an|the)?',
      'put (?:it|them|everything) in a (?:txt|text|code) (?:code )?(?:block|file)(?= |[.,!]|$)',
      'repeat (?:everything|all|the words|the text) (?:\\w+ ){0,4}(?:above|before)',
      'prompt leak(?:ing)? mode',
      "what(?:'s| is) written (?:above|at the (?:top|beginning) of (?:this|the) (?:conversation|chat|prompt))",
      'how were you (?:prompted|instructed)',
    ),
  ),
  leak(
    0.9,
    anyOf(
      '(?:zeige?|gib|nenne?|verrate?|drucke?|wiederhole?|offenbare?) (?:mir |uns )?(?:bitte )?(?:alle |den |die |das |deinen?|deine |genauen |vollstandigen |kompletten |gesamten |geheimen |internen |ursprunglichen ){0,4}(?: ?(?:system-?prompt|systemnachricht|systemanweisung(?:en)?|system-?anweisungen|anfangsprompt|geheimen anweisungen|internen anweisungen|deine anweisungen|initialen prompt))',
      'wie lautet dein (?:system-?)?prompt',
      '(?:muestra(?:me)?|revela(?:me)?|dime|imprime|repite|ensena(?:me)?|dame|escribe) (?:\\w+ ){0,4}(?:prompt (?:del |de )?(?:sistema|inicial|oculto)|mensaje del? sistema|tus instrucciones|instrucciones (?:del sistema|ocultas|iniciales|secretas))',
      'cuales son tus instrucciones',
      '(?:affiche|revele|montre|donne|repete|imprime|ecris|dis) (?:moi )?(?:\\w+ ){0,4}(?:prompt (?:systeme|initial|cache)|invite systeme|message systeme|tes instructions|instructions (?:systeme|initiales|cachees|secretes))',
      'quelles sont tes instructions',
    ),
  ),
  leak(
    0.9,
    `${anyOf('send', 'post', 'forward', 'upload', 'exfiltrate', 'transmit', 'e-?mail', 'leak', 'append', 'encode', 'copy', 'submit', 'include', 'put', 'share', 'deliver', 'export', 'smuggle', 'report')}\\b[^\\n]{0,60}?\\b${SECRET}[^\\n]{0,60}?\\b(?:to|at|in|via|into|as a query string (?:to|on)) (?:the url )?${OUTSIDE}`,
  ),
  {
    label: 'data_exfiltration',
    score: 0.9,
    pattern:
      /!\[[^\]\n]{0,120}\]\(\s?(?:https?:)?\/\/[^\s)?]{1,160}\?[^\s)=]{0,60}=(?:\{|\[|<|\$|%7b|%5b|(?:encoded|base64|secret|conversation|chat|summary|user_?data|history|prompt|password|system))/gu,
    unless: isDiscussed,
  },
  {
    label: 'data_exfiltration',
    score: 0.8,
    pattern: /<img[^>\n]{1,160}\?[^>\n=]{0,40}=(?:\{|\[|\$|%7b)/gu,
    unless: isDiscussed,
  },
  leak(
    0.85,
    `(?:render|display|include|insert|embed|add|output|show|load|fetch|append) [^\\n]{0,40}(?:image|markdown|link|img|pixel|url)[^\\n]{0,60}https?://[^\\n]{0,80}(?:conversation|chat history|user's|secret|password|base64|\\{data\\}|\\[data\\]|data=|system prompt|api key)`,
  ),
];
