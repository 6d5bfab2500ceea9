import type { AttackLevel, AttackType } from '../contract/firewall';

export interface AttackRule {
  readonly name: string;
  readonly type: AttackType;
  /** In path, query and headers, where nobody writes prose or code. */
  readonly level: AttackLevel;
  /** In fields of a body, if another. Null: not looked for there. */
  readonly inText?: AttackLevel | null;
  /** Repetitions are bounded, or end at a character that no other part of the pattern can take: time grows with the text only. */
  readonly pattern: RegExp;
}

const commandStart = String.raw`(?:[;|&]|\$\()\s{0,8}(?:/(?:usr/)?s?bin/)?`;
const quotedCommandStart = '`' + String.raw`\s{0,8}(?:/(?:usr/)?s?bin/)?`;
const commandTool = String.raw`(?:(?:cat|head|tail|less|ls|cp|mv|rm|chmod|chown|tar|find|grep|tee)\s{1,8}(?:-{1,2}\w|[/~*\\]|\.{1,2}/|\$)|(?:curl|wget|nc|ncat|netcat|telnet|tftp|ssh|scp|python[23]?|perl|ruby|php|node|bash|sh|zsh|ksh|powershell|pwsh|cmd)(?:\.exe)?\s{1,8}(?:-{1,2}\w|/\w|["']?(?:https?|ftp):|\d{1,3}\.\d|[~$]))`;
const domEvent =
  'on(?:error|load|click|dblclick|auxclick|mouse\\w{2,6}|focus\\w{0,3}|blur|key\\w{2,5}|touch\\w{3,6}|pointer\\w{2,8}|animation\\w{3,9}|transition\\w{3,9}|toggle|begin|end|start|finish|submit|change|input|invalid|reset|select|search|wheel|drag\\w{0,5}|drop|copy|cut|paste|scroll\\w{0,3}|resize|unload|beforeunload|hashchange|popstate|message|pageshow|canplay\\w{0,8}|contextmenu|show)';
const nosqlOperator = String.raw`\$(?:where|ne|gte?|lte?|in|nin|regex|exists|expr|function|or|and|nor|not|elemMatch|jsonSchema|accumulator)`;

/** Names of keys in a JSON body that are operators of a database. */
export const operatorKey = new RegExp(`^${nosqlOperator}$`);

/**
 * The attacks of spec/orchestration.md 7, as they look after percent-decoding and the like (domain/attacks.ts). Written for
 * texts that break out of where they are put; a statement by itself is code that somebody tells about.
 */
export const attackRules: readonly AttackRule[] = [
  {
    name: 'sql_union',
    type: 'sql_injection',
    level: 'critical',
    pattern:
      /\bunion\s{1,8}(?:all\s{1,8}|distinct\s{1,8})?\(?\s{0,8}select\s{1,8}(?:[\d@*'"(]|null\b|\w{1,64}\s{0,4}[,(]|\w{1,64}\s{1,8}from\b)/i,
  },
  {
    name: 'sql_stacked',
    type: 'sql_injection',
    level: 'critical',
    pattern:
      /;\s{0,8}(?:(?:drop|alter|create|truncate)\s{1,8}(?:table|database|schema|view|index|user|role)|delete\s{1,8}from|insert\s{1,8}into|update\s{1,8}\w{1,64}\s{1,8}set|exec(?:ute)?\s{1,8}(?:master|xp_|sp_|immediate)|shutdown\s{1,8}with)\b/i,
  },
  {
    name: 'sql_tautology',
    type: 'sql_injection',
    level: 'critical',
    pattern:
      /(?:\b(?:or|and)\b|\|\||&&)\s{0,8}\(?(['"]?)(\w{1,32})\1\s{0,8}(?:={1,3}|\blike\b)\s{0,8}\(?(['"]?)\2(?!\w)/i,
  },
  {
    name: 'sql_quoted_condition',
    type: 'sql_injection',
    level: 'critical',
    pattern:
      /['"]\s{0,4}\)?\s{0,4}\b(?:or|and)\b\s{1,8}(?:not\s{1,4})?(?:\d{1,10}\s{0,4}(?:[=<>]|--|#)|true\b\s{0,4}(?:--|#|$)|exists\s{0,4}\(\s{0,4}select\b|\w{1,64}\s{1,8}like\s{1,8}['"]%)/i,
  },
  {
    name: 'sql_quoted_comparison',
    type: 'sql_injection',
    level: 'critical',
    // Prose quotes words, too: "gold" or words like "win".
    inText: 'medium',
    pattern:
      /['"]\s{0,4}\)?\s{0,4}\b(?:or|and)\b\s{1,8}(?:not\s{1,4})?(?:\d{1,10}\s{0,4}$|\w{1,64}\s{1,8}like\s{1,8}['"])/i,
  },
  {
    name: 'sql_quote_comment',
    type: 'sql_injection',
    level: 'high',
    pattern: /['"]\s{0,4}\)?\s{0,4};?\s{0,4}(?:--[\s+-]{0,4}|#\s{0,4}|\/\*\s{0,4})$/,
  },
  {
    name: 'sql_time',
    type: 'sql_injection',
    level: 'critical',
    pattern:
      /\bpg_sleep\s{0,4}\(|\bbenchmark\s{0,4}\(\s{0,4}\d{1,12}\s{0,4},|\bwaitfor\s{1,8}delay\s{0,8}['"]|(?:\bselect|\band|\bor|\|\||['"])\s{0,8}\(?\s{0,4}sleep\s{0,4}\(\s{0,4}\d|\bdbms_(?:pipe|lock)\.\w{1,40}\s{0,4}\(/i,
  },
  {
    name: 'sql_system',
    type: 'sql_injection',
    level: 'critical',
    pattern:
      /\bxp_cmdshell\b|\binto\s{1,8}(?:out|dump)file\s{0,8}['"]|\bload_file\s{0,4}\(|\b(?:extractvalue|updatexml)\s{0,4}\([^()]{0,60}\bconcat\s{0,4}\(|\bfrom\s{1,8}(?:information_schema|pg_catalog\.|pg_shadow|sysobjects|mysql\.user|sqlite_master)/i,
  },
  {
    name: 'sql_statement',
    type: 'sql_injection',
    level: 'medium',
    pattern:
      /\bselect\b[^;]{1,200}?\bfrom\s{1,8}[\w."`[\]]{1,64}\s{0,4}(?:where\b|join\b|limit\b|;|--|$)|\binsert\s{1,8}into\s{1,8}\w|\bdelete\s{1,8}from\s{1,8}\w|\bupdate\s{1,8}\w{1,64}\s{1,8}set\s{1,8}\w{1,64}\s{0,4}=|\bdrop\s{1,8}(?:table|database)\b/i,
  },
  {
    name: 'nosql_operator',
    type: 'nosql_injection',
    level: 'high',
    pattern: new RegExp(String.raw`\{\s{0,8}["']?${nosqlOperator}["']?\s{0,8}:|\[${nosqlOperator}\]`),
  },
  {
    name: 'nosql_script',
    type: 'nosql_injection',
    level: 'high',
    pattern:
      /['"]\s{0,4}\)?\s{0,4};\s{0,4}(?:return\s{1,4}(?:true|1|!0)\b|while\s{0,4}\(\s{0,4}(?:true|1|!0)\s{0,4}\))|['"]\s{0,4}\|\|\s{0,4}(?:true|1)\s{0,4}(?:\/\/|$)/,
  },
  {
    name: 'nosql_statement',
    type: 'nosql_injection',
    level: 'medium',
    pattern: /\bdb\.\w{1,40}\.(?:find|drop|remove|insert|update|aggregate)\w{0,10}\s{0,4}\(/,
  },
  {
    name: 'xss_script',
    type: 'xss',
    level: 'critical',
    pattern: /<\s{0,4}\/?\s{0,4}script(?:[\s/]|>)/i,
  },
  {
    name: 'xss_event',
    type: 'xss',
    level: 'critical',
    // A value in braces is JSX, which is code.
    pattern: new RegExp(
      String.raw`<[a-z][\w:-]{0,30}[\s/"'][^<>]{0,300}?\b${domEvent}\s{0,4}=\s{0,4}["'\w(]|<[a-z][\w:-]{0,30}[\s/]{1,4}${domEvent}\s{0,4}=\s{0,4}["'\w(]`,
      'i',
    ),
  },
  {
    name: 'xss_script_url',
    type: 'xss',
    level: 'high',
    pattern:
      /(?:href|src|action|formaction|data)\s{0,4}=\s{0,4}["']?\s{0,4}(?:(?:java|vb)script\s{0,4}:|data\s{0,4}:\s{0,4}text\/html)|(?:^|[\s"'(=])(?:java|vb)script\s{0,4}:\s{0,4}(?:[\w.]{1,40}\s{0,4}[(`=]|\/\/)/i,
  },
  {
    name: 'xss_frame',
    type: 'xss',
    level: 'high',
    pattern: /<\s{0,4}(?:iframe|object|embed|applet|frame)\s[^<>]{0,300}?\b(?:src|srcdoc|data|code)\s{0,4}=/i,
  },
  {
    name: 'xss_markup',
    type: 'xss',
    level: 'medium',
    pattern:
      /<(?:img|svg|a|div|body|form|input|style|video|audio|details|marquee|math|link|meta|base|iframe|object|embed)[\s/]|\bdocument\.(?:cookie|write|location)\b|\.innerHTML\b|\b(?:alert|eval)\s{0,4}\(/i,
  },
  {
    name: 'command_tool',
    type: 'command_injection',
    level: 'critical',
    pattern: new RegExp(commandStart + commandTool, 'i'),
  },
  {
    name: 'command_quoted_tool',
    type: 'command_injection',
    level: 'critical',
    // So Markdown writes code.
    inText: 'medium',
    pattern: new RegExp(quotedCommandStart + commandTool, 'i'),
  },
  {
    name: 'command_probe',
    type: 'command_injection',
    level: 'critical',
    pattern: new RegExp(
      String.raw`(?:${commandStart}|${quotedCommandStart})(?:whoami|uname\s{1,4}-a|ifconfig|netstat)|\$\(\s{0,4}(?:id|ls|env|printenv|hostname)\s{0,4}\)|\|\s{0,8}(?:/(?:usr/)?bin/)?(?:ba|z|k|da)?sh\s{0,4}$`,
      'i',
    ),
  },
  {
    name: 'command_wait',
    type: 'command_injection',
    level: 'critical',
    // Settings are listed like that: 2 retries; timeout 500 ms.
    inText: 'medium',
    pattern: new RegExp(String.raw`${commandStart}(?:sleep|ping|timeout)\s{1,8}(?:-\w\s{1,4})?\d`, 'i'),
  },
  {
    name: 'command_bare',
    type: 'command_injection',
    level: 'high',
    // A list of fields, or a name in backticks.
    inText: 'medium',
    pattern: /(?:;|\|\|?|&&|`)\s{0,8}(?:id|ls|dir|env|pwd|ps|hostname|reboot|shutdown)\s{0,4}(?:$|[;|&`#])/i,
  },
  {
    name: 'command_shell',
    type: 'command_injection',
    level: 'high',
    pattern:
      /\/bin\/(?:ba|z|k|c|da)?sh\s{1,4}-[ci]\b|\bpowershell(?:\.exe)?\s{1,8}-(?:e|enc|encodedcommand|nop|noprofile|w|windowstyle|exec|executionpolicy|c|command)\b|\bcmd(?:\.exe)?\s{1,8}\/[ck]\s|\(\)\s{0,4}\{\s{0,4}:\s{0,4};\s{0,4}\}\s{0,4};/i,
  },
  {
    name: 'command_lookup',
    type: 'command_injection',
    level: 'critical',
    pattern: /\$\{(?:jndi|lower|upper|env|sys|:)\s{0,4}:[^}]{0,200}(?:jndi|ldaps?:|rmi:|dns:|j\})/i,
  },
  {
    name: 'path_sensitive',
    type: 'path_traversal',
    level: 'critical',
    pattern:
      /\.\.[/\\](?:[\w.-]{1,40}[/\\]){0,20}(?:etc[/\\](?:passwd|shadow|group|hosts|ssh)|proc[/\\]self|windows[/\\]|winnt[/\\]|boot\.ini|win\.ini|\.ssh[/\\]|\.env\b|\.git[/\\]|web-inf|id_rsa)/i,
  },
  {
    name: 'path_system_file',
    type: 'path_traversal',
    level: 'high',
    // Prose names it, too.
    inText: 'medium',
    pattern:
      /\/etc\/(?:passwd|shadow|sudoers)\b|\/proc\/self\/(?:environ|cmdline|fd)\b|\bfile:\/{2,3}(?:etc|proc|[a-z]:)/i,
  },
  {
    name: 'path_upward',
    type: 'path_traversal',
    level: 'critical',
    inText: null,
    pattern: /(?:^|[/\\=])\.\.(?:[/\\;]|$)/,
  },
  {
    name: 'path_far_upward',
    type: 'path_traversal',
    level: 'high',
    pattern: /^[/\\]?\.\.[/\\]{1,2}\.\.[/\\]/,
  },
  {
    name: 'path_relative',
    type: 'path_traversal',
    level: 'medium',
    pattern: /\.\.[/\\]/,
  },
  {
    name: 'null_byte',
    type: 'path_traversal',
    level: 'high',
    inText: 'medium',
    pattern: /\0/,
  },
  {
    name: 'crlf_header',
    type: 'crlf_injection',
    level: 'critical',
    inText: null,
    pattern: /[\r\n]\s{0,8}(?:[\w-]{2,60}\s{0,4}:|http\/\d|<)/i,
  },
  {
    name: 'crlf_known_header',
    type: 'crlf_injection',
    level: 'high',
    pattern:
      /[\r\n]\s{0,8}(?:set-cookie\s{0,4}:|transfer-encoding\s{0,4}:|content-length\s{0,4}:|http\/1\.[01]\s\d{3})/i,
  },
  {
    name: 'crlf_line',
    type: 'crlf_injection',
    level: 'medium',
    inText: null,
    pattern: /[\r\n]/,
  },
  {
    name: 'xml_entity',
    type: 'xml_entity',
    level: 'critical',
    pattern:
      /<!entity\s|<!doctype\s[^>[]{0,200}\[|<!doctype\s{1,8}[\w:.-]{1,64}\s{1,8}(?:system\s|public\s{1,8}["'](?!-\/\/))|<xi:include\b/i,
  },
  {
    name: 'ldap_filter',
    type: 'ldap_injection',
    level: 'high',
    pattern:
      /\*\s{0,4}\)\s{0,4}\(\s{0,4}[|&!]?\s{0,4}\(?\s{0,4}\w{1,40}\s{0,4}[~<>]?=|\)\s{0,4}\(\s{0,4}[|&!]\s{0,4}\(\s{0,4}\w{1,40}\s{0,4}[~<>]?=(?!=)|\*\s{0,4}\)\s{0,4}\)\s{0,4}\0/,
  },
  {
    name: 'ldap_query',
    type: 'ldap_injection',
    level: 'medium',
    pattern: /\(\s{0,4}[|&]\s{0,4}\(\s{0,4}\w{1,40}\s{0,4}[~<>]?=(?!=)/,
  },
  {
    name: 'ssi_directive',
    type: 'ssi_injection',
    level: 'critical',
    pattern:
      /<!--\s{0,4}#\s{0,4}(?:exec|include|echo|config|printenv|set|flastmod|fsize)\b|<esi:(?:include|remove|vars|inline)\b/i,
  },
];
