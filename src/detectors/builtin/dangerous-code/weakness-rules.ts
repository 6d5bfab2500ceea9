import { rulesFor } from './rule';

const statement = String.raw`(?:SELECT\s|select\s|INSERT\s+INTO\s|insert\s+into\s|UPDATE\s|update\s|DELETE\s+FROM\s|delete\s+from\s)`;
const clause = String.raw`(?:FROM|from|WHERE|where|VALUES|values|SET|set|LIKE|like|BY|by|IN|in|AND|and|LIMIT|limit|INTO|into)\b`;
const fromTheCaller = String.raw`(?:\$_(?:GET|POST|REQUEST|COOKIE|SERVER)|\breq(?:uest)?\.(?:query|body|params|args|form|GET|POST|values|json|cookies|getParameter|data|files|get_json)|\bparams\[|\bgetParameter\s*\(|\bsys\.argv|\bprocess\.argv|\bargv\[|\binput\s*\(|\bctx\.(?:query|request|params)|\bevent\.(?:body|queryStringParameters)|\bflask\.request|\bc\.(?:Query|Param)\(|\br\.(?:URL\.Query|FormValue)\()`;

const unsafeSql = rulesFor('unsafe_sql', [
  [
    0.82,
    new RegExp(
      String.raw`"\s*${statement}[^"\n]{0,300}\b${clause}[^"\n]{0,80}"\s*(?:\+|\.(?!\w{1,20}\()|&|\|\|)\s*(?:str\()?\$?[a-z_]`,
      'g',
    ),
  ],
  [
    0.82,
    new RegExp(
      String.raw`'\s*${statement}[^'\n]{0,300}\b${clause}[^'\n]{0,80}'\s*(?:\+|\.(?!\w{1,20}\()|\|\|)\s*(?:str\()?\$?[a-z_]`,
      'g',
    ),
  ],
  [
    0.82,
    new RegExp(String.raw`(?<![\w$.])\x60\s*${statement}[^\x60]{0,300}\b${clause}[^\x60]{0,80}\$\{`, 'g'),
  ],
  [0.84, new RegExp(String.raw`\b[fF]r?(?:"""|'''|["'])\s*${statement}[^"\x60]{0,300}\{[a-z_]`, 'g')],
  [0.82, new RegExp(String.raw`"\s*${statement}[^"\n]{0,300}%[sd][^"\n]{0,80}"\s*%\s*[\w(]`, 'g')],
  [
    0.82,
    new RegExp(
      String.raw`["']{1,3}\s*${statement}[^"]{0,300}\{\w{0,20}\}[^"]{0,80}["']{1,3}\s*\.format\s*\(`,
      'g',
    ),
  ],
  [0.84, new RegExp(String.raw`\$@?"\s*${statement}[^"\n]{0,300}\{[a-zA-Z_]`, 'g')],
  [
    0.82,
    new RegExp(
      String.raw`\b(?:String\.[Ff]ormat|fmt\.Sprintf|sprintf|format!)\s*\(\s*["\x60]\s*${statement}[^"\x60]{0,300}(?:%[sdv]|\{\w{0,10}\})`,
      'g',
    ),
  ],
  [
    0.85,
    new RegExp(
      String.raw`"\s*${statement}[^"\n]{0,300}(?:\{?\$_(?:GET|POST|REQUEST|COOKIE)|['=]\s*'?\{?\$[a-z_]\w{0,40})`,
      'g',
    ),
  ],
  [0.84, new RegExp(String.raw`["']\s*${statement}[^"\n]{0,300}#\{`, 'g')],
  [0.82, /\.(?:where|find_by_sql|order|having)\s*\(?\s*"[^"\n]{0,120}#\{[^"\n]{0,80}"/g],
  [0.8, new RegExp(String.raw`\bEXEC(?:UTE)?\s*\(\s*'${statement}[^'\n]{0,200}'\s*\+\s*@\w`, 'gi')],
  [
    0.82,
    new RegExp(String.raw`"\s*${statement}[^"\n]{0,300}"\s*\n?\s*\+\s*"[^"\n]{0,120}"\s*\+\s*[a-z_]`, 'g'),
  ],
]);

const sqlInjection = rulesFor('sql_injection', [
  [0.92, /['"]\s*\)?\s*(?:or|and|\|\|)\s+\(?(['"]?)(\w{1,10})\1\s*=\s*\1\2\b/gi],
  [
    0.93,
    /['")\d]\s*;\s*(?:drop|delete|truncate|insert|update|shutdown|exec|alter)\b[^\n]{0,80}(?:--|#|\/\*)/gi,
  ],
  [
    0.92,
    /(?:['")]|\d)\s+union\s+(?:all\s+)?select\s+(?:null|\d|\w{1,30}\(|[\w,\s@]{1,80}(?:--|#|from\s+(?:users|information_schema|mysql|sys)))/gi,
  ],
  [
    0.92,
    /['")\d]\s*(?:or|and|;|\|\|)\s*(?:select\s+)?(?:sleep|pg_sleep|benchmark|dbms_pipe\.receive_message)\s*\(/gi,
  ],
  [0.92, /['")\d]\s*;?\s*waitfor\s+delay\s+'/gi],
  [0.88, /\bxp_cmdshell\b[^\n]{0,6}['"(]/gi],
  [0.88, /\binto\s+(?:outfile|dumpfile)\s+['"][^'"\n]{0,80}\.(?:php|jsp|aspx?)\b/gi],
  [0.9, /\bextractvalue\s*\(\s*\w{1,10}\s*,\s*concat\s*\(|\bupdatexml\s*\(\s*\w{1,10}\s*,\s*concat\s*\(/gi],
]);

const commandInjection = rulesFor('command_injection', [
  [
    0.95,
    /\b(?:eval|assert|system|passthru|shell_exec|exec|popen|proc_open|create_function|include|require)\s*\(?\s*@?(?:stripslashes\s*\(\s*)?\$_(?:GET|POST|REQUEST|COOKIE|SERVER)\b/g,
  ],
  [
    0.9,
    /\b(?:system|passthru|shell_exec|exec|popen)\s*\(\s*["'][^"'\n]{0,120}["']?\s*\.?\s*\$_(?:GET|POST|REQUEST|COOKIE)\b/g,
  ],
  [
    0.9,
    new RegExp(
      String.raw`\b(?:os\.system|os\.popen|subprocess\.\w{3,12}|commands\.getoutput|exec|execSync|spawn|child_process\.\w{4,8}|eval|getRuntime\(\)\.exec|Runtime\.exec|new\s+Function|exec\.Command|IO\.popen|Process\.Start)\s*\([^\n]{0,120}${fromTheCaller}`,
      'g',
    ),
  ],
  [0.85, /\b(?:os\.system|os\.popen|subprocess\.\w{3,12})\s*\(\s*[fF]["'][^"'\n]{0,160}\{[a-z_]/g],
  [0.82, /\b(?:os\.system|os\.popen)\s*\(\s*["'][^"\n]{0,120}["']\s*(?:\+|%)\s*[a-z_]/g],
  [
    0.82,
    /\b(?:child_process\.)?(?:exec|execSync)\s*\(\s*(?:`[^`\n]{0,160}\$\{|["'][^"'\n]{0,120}["']\s*\+\s*[a-z_])/g,
    { near: [/child_process|\bexecSync\b/] },
  ],
  [0.85, /\bgetRuntime\s*\(\s*\)\s*\.\s*exec\s*\(\s*"[^"\n]{0,120}"\s*\+\s*[a-z_]/g],
  [
    0.85,
    /\bexec\.Command\s*\(\s*"(?:\/bin\/)?(?:ba)?sh"\s*,\s*"-c"\s*,\s*(?:[a-z_]\w{0,40}|"[^"\n]{0,80}"\s*\+|fmt\.Sprintf)/g,
  ],
  [0.9, /\bcmd\s*=\s*request\.getParameter\s*\(/g, { near: [/\bexec\s*\(/] }],
  [0.88, /\brender_template_string\s*\([^\n]{0,80}(?:request\.|\+|%|f["'])/g],
]);

const unsafeDeserialization = rulesFor('unsafe_deserialization', [
  [
    0.85,
    /\bc?[pP]ickle\.(?:loads?|Unpickler)\s*\(\s*(?:\w{1,20}\.)?(?:request|self\.request|b64decode|base64|urlopen|requests\.get|sock|conn|client|data|body|payload|cookie|resp|raw|blob|msg|message|user_)/g,
  ],
  [
    0.85,
    /\byaml\.(?:unsafe_load|full_load_all|unsafe_load_all)\s*\(|\byaml\.load\s*\([^\n)]{1,120}Loader\s*=\s*(?:yaml\.)?(?:Unsafe|Full)?Loader\b/g,
  ],
  [
    0.8,
    /\byaml\.load\s*\((?![^\n]{0,200}(?:SafeLoader|BaseLoader|Loader\s*=|schema))[^\n)]{1,80}\)/g,
    { near: [/\bimport\s+yaml\b|\bwith\s+open\s*\(|\bdef\s|\bopen\s*\(/] },
  ],
  [
    0.85,
    /\b(?:marshal|shelve|dill|cloudpickle|joblib|jsonpickle)\.(?:loads?|decode|open)\s*\([^\n]{0,40}(?:request|sock|b64decode|payload|body|recv|cookie|data\b)/g,
  ],
  [
    0.85,
    /\bnew\s+ObjectInputStream\s*\(/g,
    {
      near: [
        /\breadObject\s*\(/,
        /\b(?:request|req|socket|getInputStream|ServletInputStream|ByteArrayInputStream|Base64|data|body|payload)\b/,
      ],
      unless: /ObjectInputFilter|setObjectInputFilter|ValidatingObjectInputStream/,
    },
  ],
  [
    0.88,
    /\bunserialize\s*\(\s*(?:base64_decode\s*\(\s*)?\$_(?:GET|POST|REQUEST|COOKIE)\b|\bunserialize\s*\(\s*(?:base64_decode|file_get_contents)\s*\(/g,
  ],
  [
    0.86,
    /\bnew\s+(?:BinaryFormatter|NetDataContractSerializer|LosFormatter|SoapFormatter|ObjectStateFormatter)\s*\(/g,
    { near: [/\bDeserialize\s*\(/] },
  ],
  [0.85, /\bTypeNameHandling\s*=\s*(?:Newtonsoft\.Json\.)?TypeNameHandling\.(?:All|Auto|Objects)\b/g],
  [
    0.86,
    /\b(?:Marshal\.load|YAML\.(?:unsafe_)?load|Oj\.load)\s*\(?\s*(?:params|cookies|request|Base64|session|payload|data|body|URI)/g,
  ],
  [0.88, /\b(?:serialize|nodeSerialize)\.unserialize\s*\(/g],
  [0.85, /\bnew\s+XMLDecoder\s*\(|\benableDefaultTyping\s*\(|\bactivateDefaultTyping\s*\(\s*LaissezFaire/g],
  [0.8, /\btorch\.load\s*\([^\n)]{0,120}weights_only\s*=\s*False/g],
]);

const unsafeTls = rulesFor('unsafe_tls', [
  [
    0.85,
    /\bverify\s*=\s*False\b/g,
    { near: [/\b(?:requests|httpx|session|Session|client|get|post|put|request|hvac|boto3)\b/] },
  ],
  [
    0.86,
    /\bssl\._create_unverified_context\b|\bcheck_hostname\s*=\s*False\b|\bssl\.CERT_NONE\b|\bCERT_REQS\s*=\s*["']?CERT_NONE/g,
  ],
  [0.86, /\brejectUnauthorized\s*["']?\s*[:=]\s*(?:false|0)\b/g],
  [
    0.88,
    /\bNODE_TLS_REJECT_UNAUTHORIZED["']?\]?\s*[:=]\s*["']?0\b|\bPYTHONHTTPSVERIFY\s*=\s*["']?0\b|\bGIT_SSL_NO_VERIFY\s*=\s*["']?(?:1|true)\b/g,
  ],
  [0.86, /\bInsecureSkipVerify\s*:\s*true\b/g],
  [
    0.82,
    /\bcurl\s(?:[^\n|;]{0,120}\s)?(?:-[a-zA-Z]{0,6}k[a-zA-Z]{0,6}|--insecure|--proxy-insecure)(?=\s)[^\n|;]{0,200}/g,
  ],
  [
    0.84,
    /\b(?:wget|apt-get|pip3?|conda)\s[^\n|;]{0,160}(?:--no-check-certificate|--trusted-host\b|--allow-unauthenticated)/g,
  ],
  [0.86, /\bCURLOPT_SSL_VERIFY(?:PEER|HOST)\s*(?:,|=>?)\s*(?:false|FALSE|0L?)\b/g],
  [
    0.86,
    /\b(?:ServerCertificateValidationCallback|ServerCertificateCustomValidationCallback|RemoteCertificateValidationCallback)\b[^\n;]{0,120}(?:=>\s*true|return\s+true|\{\s*\$?true\s*\})|\bDangerousAcceptAnyServerCertificateValidator\b/g,
  ],
  [
    0.86,
    /\b(?:TrustAllCerts|trustAllCerts|TrustAllStrategy|ALLOW_ALL_HOSTNAME_VERIFIER|AllowAllHostnameVerifier|NoopHostnameVerifier|InsecureTrustManagerFactory|TrustSelfSignedStrategy)\b/g,
  ],
  [0.84, /\bcheckServerTrusted\s*\([^\n)]{0,120}\)[^\n{]{0,60}\{\s*\}/g],
  [
    0.84,
    /\bHostnameVerifier\b[^\n]{0,160}(?:->\s*true|return\s+true)|\bsetDefaultHostnameVerifier\s*\([^\n]{0,80}->\s*true/g,
  ],
  [0.86, /\bVERIFY_NONE\b|\bverify_none\b/g],
  [
    0.84,
    /\bhttp\.sslVerify["']?\s*[= ]\s*["']?false\b|\bstrict-ssl\s*[= ]\s*["']?false\b|\bsslmode\s*=\s*["']?disable\b/gi,
  ],
  [
    0.86,
    /\bdanger_accept_invalid_(?:certs|hostnames)\s*\(\s*true\b|\bset_verify\s*\(\s*SslVerifyMode::NONE|\bSSL_VERIFY_NONE\b/g,
  ],
]);

export const weaknessRules = [
  ...unsafeSql,
  ...sqlInjection,
  ...commandInjection,
  ...unsafeDeserialization,
  ...unsafeTls,
];
