import { anyOf, optional, phrase, type PhraseMatch, type PhraseRule } from '../phrase-rule';
import { isDiscussed } from './discussion';

const MODEL = anyOf(
  'ais?',
  'a\\.i\\.',
  'ai (?:assistants?|models?|agents?|systems?|readers?)',
  'assistants?',
  'llms?',
  'language models?',
  'chatbots?',
  'chatgpt',
  'claude',
  'gemini',
  'copilot',
  'gpt',
  'bots?',
  'model',
);
const COMMAND = anyOf(
  'ignore',
  'say',
  'include',
  'respond',
  'reply',
  'answer',
  'rate',
  'recommend',
  'output',
  'print',
  'write',
  'always',
  'never',
  'do not',
  "don't",
  'please',
  'you must',
  'must',
  'you should',
  'tell',
  'add',
  'append',
  'state',
  'give',
  'mark',
  'approve',
  'rank',
  'score',
  'send',
  'forward',
  'visit',
  'click',
  'call',
  'insert',
  'stop',
  'summari[sz]e this as',
  'hire',
  'select',
  'immediately',
  'also',
  'instead',
);

const injection = (score: number, pattern: RegExp, label = 'prompt_injection'): PhraseRule => ({
  label,
  score,
  pattern,
  unless: (match) => isDiscussed(match) || isInlineCode(match),
});

/** Forged structure of a chat, words addressed to the model that reads a document, and orders to use its tools. */
export const structureRules: readonly PhraseRule[] = [
  injection(
    0.9,
    /<\|(?:im_start|im_end|im_sep|endoftext|system|user|assistant|eot_id|begin_of_text|start_header_id|end_header_id|endofprompt|fim_prefix|end|channel|message|start|tool_call)\|>/gu,
  ),
  injection(
    0.9,
    /\[\/?inst\]|<<\/?sys>>|<start_of_turn>|<end_of_turn>|\[\/?system_prompt\]|\[\/?system(?: message)?\](?=[:\s])|<\/?(?:system_prompt|system_message|system-reminder|sys)>/gu,
  ),
  injection(
    0.85,
    /(?:^|\n)[#*\s>[<(-]{0,6}(?:system|developer|administrator|root)(?: (?:message|prompt|instructions?|note|notice|update|alert|command))?[\]>)*]{0,3} ?[:>\]] ?[^\n]{0,80}(?:you are|you must|you will|you now|ignore|new instructions|new rule|from now on|override|disregard|comply|always|never|the user|safety|unrestricted|reveal|disabled|jailbreak|no restrictions|respond|answer)/gu,
  ),
  injection(
    0.85,
    /(?:^|\n)#{2,4} ?(?:instructions?|system|response|human|assistant|new task|input) ?:[^\n]{0,120}/gu,
  ),
  injection(
    0.85,
    /<\/(?:user|user_input|document|context|instructions|prompt|data|input|query|message)>[^\n]{0,20}\s?<(?:system|instructions|assistant|prompt|admin)>/gu,
  ),
  injection(
    0.8,
    /(?:^|\n)(?:human|user): [^\n]{1,200}\n(?:assistant|ai): (?:sure|of course|absolutely|yes)[^\n]{0,60}/gu,
  ),
  injection(
    0.8,
    /(?<!-)-{3,40}\s?(?:end|begin|start|stop) (?:of )?(?:system |user |the )?(?:prompts?|instructions?|input|context|document|data)\s?-{3}/gu,
  ),
  injection(
    0.85,
    phrase(
      `${anyOf('note', 'attention', 'message', 'instructions?', 'important', 'notice', 'reminder', 'dear', 'hey', 'memo', 'hello')} ${optional(anyOf('to', 'for', 'the', 'all', 'any', 'important', 'message', 'note', 'special'), 3)}${MODEL}(?: (?:reading|processing|summari[sz]ing|analy[sz]ing|reviewing|evaluating|parsing|that reads?|who reads?)(?: \\w+){0,4})? ${optional('\\w+', 4)}${COMMAND}`,
    ),
  ),
  injection(
    0.85,
    phrase(
      `(?:if|when|as) (?:you are|you're|the reader is|this is (?:being )?(?:read|processed|parsed|summari[sz]ed) by) (?:an? |any |the )?(?:large )?${MODEL}(?: (?:reading|processing|summari[sz]ing|analy[sz]ing|reviewing|evaluating|parsing)(?: \\w+){0,4})? ${optional('\\w+', 3)}${COMMAND}`,
    ),
  ),
  injection(
    0.8,
    phrase(
      `${anyOf('when', 'before', 'while', 'after', 'if')} ${optional(anyOf('you', 'are', 'asked to', 'the ai', 'an ai'), 3)}(?:summari[sz](?:e|es|ing)|translat(?:e|es|ing)|process(?:es|ing)?|evaluat(?:e|es|ing)|review(?:s|ing)?|answering|analy[sz](?:e|es|ing)) (?:this|these|the above) (?:document|page|email|e-?mail|text|article|resume|cv|website|file|message|review|application|candidate)s? ${optional('\\w+', 3)}${anyOf('say', 'tell the user', 'include', 'always', 'never mention', 'do not mention', "don't mention", 'instead', 'recommend', 'rate', 'add', 'output', 'insert', 'respond only', 'reply only', 'ignore', 'append', 'you must', 'print', 'give (?:it|them|this) (?:a|the)')}`,
    ),
  ),
  injection(
    0.8,
    phrase(
      anyOf(
        "(?:do not|don't|never) (?:tell|inform|mention (?:this|it|these \\w+) to|alert|notify|reveal (?:this|it) to|let) the (?:user|human|customer|operator|person)(?: know)?(?: \\w+){0,4}",
        'without (?:telling|informing|asking|notifying|alerting|confirming with|warning) the (?:user|human|customer|operator)',
        "(?<=[a-z] )without the (?:user's|customer's|operator's) (?:knowledge|consent|confirmation|approval|permission)",
      ),
    ),
    'tool_request',
  ),
  injection(
    0.85,
    phrase(
      `${anyOf('call', 'invoke', 'execute', 'use', 'run', 'trigger', 'activate')} ${optional(anyOf('the', 'your', 'a', 'immediately', 'now', 'secretly', 'silently', 'function', 'tool', 'plugin'), 3)}(?:send_\\w+|transfer_\\w+|delete_\\w+|exec(?:ute)?_\\w+|run_\\w+|http_\\w+|fetch_url|write_file|read_file|get_secrets?|list_secrets|update_user\\w*|create_user|grant_\\w+|make_payment|drop_\\w+|shell_exec|purchase_\\w+|issue_refund|refund_\\w+|reset_password|disable_\\w+)`,
    ),
    'tool_request',
  ),
  injection(
    0.85,
    phrase(
      `${anyOf('use', 'call', 'invoke', 'run', 'open', 'access')} ${optional(anyOf('the', 'your', 'its', 'my'), 1)}${anyOf('browser', 'browsing', 'e-?mail', 'file', 'filesystem', 'shell', 'terminal', 'bash', 'python', 'code interpreter', 'payments?', 'sql', 'database', 'calendar', 'slack', 'http', 'web', 'admin', 'banking', 'wallet', 'memory', 'search', 'refund', 'crm')} (?:tool|plugin|function|api|action|connector|access) (?:to|and) ${optional('\\w+', 2)}${anyOf('delete', 'send', 'transfer', 'read', 'forward', 'run', 'buy', 'execute', 'download', 'wire', 'drop', 'grant', 'post', 'e-?mail', 'fetch', 'open', 'upload', 'change', 'reset', 'approve', 'issue', 'wipe', 'cancel', 'export', 'visit')}`,
    ),
    'tool_request',
  ),
  injection(
    0.85,
    /"(?:tool|tool_name|function|function_call|tool_calls?|action)"\s?:\s?(?:\[?\{|"(?:send|transfer|delete|exec|run|shell|http|fetch|write|read_file|bash|python|grant|purchase|wire|issue|reset)\w*")|<(?:tool_call|function_calls?|invoke|tool_use|use_mcp_tool)[ >]|(?:^|\n)action ?: ?\w{2,40}\s{1,2}action[ _]input ?:/gu,
    'tool_request',
  ),
  injection(
    0.8,
    phrase(
      `${anyOf('assistant', 'ai', 'model', 'agent', 'bot', 'chatgpt', 'copilot', 'claude', 'you (?:must|should|need to|have to)(?: now| immediately)?', 'now', 'then', 'immediately', 'secretly', 'silently', 'quietly', 'automatically')} ${optional(anyOf('please', 'go ahead and', 'first', 'also', 'immediately', 'must', 'should', 'will', 'now'), 2)}${anyOf('delete all (?:\\w+ )?(?:files|emails|messages|records|data|tables|users|backups)', 'transfer (?:all |the |\\$?[0-9.,]+ ?)(?:\\w+ ){0,3}to (?:account|wallet|iban|this|the following)', "forward (?:all|every|the (?:latest|last|user's)) (?:\\w+ ){0,3}(?:emails?|messages|documents) to", 'execute (?:the following|this) (?:\\w+ )?(?:command|code|script|query|payload)', 'run (?:the following|this) (?:\\w+ )?(?:command|code|script|query|payload) (?:on|as|in)', 'download and (?:run|execute)', 'grant (?:me|this user|the user) (?:admin|root|full)', 'drop (?:all )?(?:the )?(?:\\w+ )?tables?', 'disable (?:all )?(?:the )?(?:logging|security|authentication|two-factor|audit)', 'send (?:an )?e-?mail to \\S+@\\S+', 'approve (?:this|the|all) (?:\\w+ )?(?:transaction|payment|refund|request|loan|invoice)s?', 'issue a (?:full )?refund', "change the (?:user's |account )?password", 'click (?:the|this) (?:link|confirm|approve|buy)', 'visit https?')}`,
    ),
    'tool_request',
  ),
];

/** `[INST]` named in running text between backticks is documentation. */
function isInlineCode({ text, start, end }: PhraseMatch): boolean {
  return (
    /`[^`\n]{0,40}$/u.test(text.slice(Math.max(0, start - 50), start)) &&
    /^[^`\n]{0,40}`/u.test(text.slice(end, end + 50))
  );
}
