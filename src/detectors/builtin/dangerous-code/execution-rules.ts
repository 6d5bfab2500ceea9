import { rulesFor } from './rule';

const startsShell =
  /(?:spawn|exec|popen|system|Command|Start|call|run|ProcessBuilder)\w*\W{1,12}(?:-?\w{0,12}\W{0,4})?["'`](?:\/(?:usr\/)?bin\/)?(?:(?:ba|z|da|k)?sh|cmd(?:\.exe)?|powershell(?:\.exe)?)\b/i;

const reverseShell = rulesFor('reverse_shell', [
  [0.98, /\b(?:ba|z|k|da)?sh\s+-[il]{1,2}\s*(?:\d?[<>]&?|&>)[^\n]{0,20}\/dev\/(?:tcp|udp)\//gi],
  [
    0.95,
    /\bexec\s+\d{1,3}<>\s*\/dev\/tcp\/[^\n;]{1,80}/gi,
    { near: [/\bwhile\s+read\b|\bsh\s+<&\d|-i\s+<&\d|<&\d+\s*\|/i] },
  ],
  [0.95, /\b0<&\d{1,3}\s*-?;?\s*(?:exec\s)?[^\n]{0,40}\/dev\/tcp\//gi],
  [
    0.98,
    /\b(?:nc|ncat|netcat)(?:\.exe|\.traditional|\.openbsd)?\s[^\n|;]{0,80}(?:-[a-z]{0,5}[ec]|--(?:sh-)?exec)\s*["']?(?:\/(?:usr\/)?bin\/)?(?:(?:ba|z|da|k)?sh|cmd(?:\.exe)?|powershell(?:\.exe)?)\b/gi,
  ],
  [
    0.97,
    /\b(?:mkfifo|mknod)\b/gi,
    { near: [/\bsh\s+-i\b[^\n]{0,40}\|\s*(?:nc|ncat|openssl|telnet|busybox)\b/i] },
  ],
  [0.95, /\btelnet\s[^\n|]{1,60}\|\s*(?:\/bin\/)?(?:ba)?sh\b/gi],
  [0.97, /\bsocat\b[^\n]{0,120}\b(?:exec|system):["']?(?:\/bin\/)?(?:(?:ba)?sh|cmd)\b/gi],
  [
    0.96,
    /\bsocket\.socket\s*\(/g,
    {
      near: [
        /\bos\.dup2\s*\(|\bpty\.spawn\s*\(|\bsubprocess\.\w{3,12}\s*\(\s*\[?\s*["'](?:\/bin\/)?(?:ba|z)?sh["']|shell\s*=\s*True[^\n]{0,80}|\bos\.popen\s*\(/,
      ],
    },
  ],
  [0.96, /\bfsockopen\s*\(/g, { near: [/\b(?:shell_exec|proc_open|popen|exec|system|passthru)\s*\(/] }],
  [
    0.96,
    /\bsocket\s*\(\s*\w{1,10}\s*,\s*PF_INET\b/g,
    { near: [/\bexec\s*[({]?\s*["'{]{0,2}\s*["']?\/bin\/(?:ba)?sh/] },
  ],
  [
    0.95,
    /\bTCPSocket\.(?:new|open)\s*\(/g,
    { near: [/\bIO\.popen\b|\/bin\/(?:ba)?sh\b|\bexec\s+sprintf\b/] },
  ],
  [0.96, /\bnet\.(?:Socket|connect|createConnection)\b/g, { near: [startsShell] }],
  [0.95, /\bnew\s+Socket\s*\(/g, { near: [startsShell] }],
  [0.96, /\bnet\.Dial\s*\(/g, { near: [startsShell] }],
  [0.95, /\bTcpStream::connect\s*\(/g, { near: [/Command::new\(\s*"(?:\/bin\/)?(?:ba)?sh"|cmd\.exe/] }],
  [0.97, /\bNet\.Sockets\.TCPClient\b/gi, { near: [/\biex\b|\bInvoke-Expression\b/i] }],
  [0.95, /\bnew\s+TcpClient\s*\(/g, { near: [/cmd(?:\.exe)?"|\/bin\/(?:ba)?sh|powershell/i] }],
  [
    0.95,
    /\bconnect\s*\(\s*\w{1,20}\s*,\s*\(?struct\s+sockaddr/g,
    { near: [/\bdup2\s*\(/, /\bexec[lv]p?e?\s*\(\s*"\/bin\/(?:ba)?sh"/] },
  ],
  [0.95, /\/inet\/tcp\/0\/[\w.]{1,80}\/\d{1,5}/g, { near: [/\|&|getline/] }],
  [
    0.95,
    /\b(?:windows|linux|osx|android|php|python|java|cmd)(?:\/\w{1,12}){0,2}\/(?:meterpreter|shell)[_/]reverse_\w{2,10}/gi,
  ],
]);

const downloadAndExecute = rulesFor('download_and_execute', [
  [
    0.8,
    /\b(?:curl|wget)\s[^\n;]{0,300}?\|\s*(?:sudo\s+(?:-\w{1,3}\s+)?)?(?:\/(?:usr\/)?bin\/(?:env\s+)?)?(?:ba|z|k|da|a)?sh\b(?!\.)/gi,
  ],
  [
    0.8,
    /\b(?:curl|wget)\s[^\n;]{0,300}?\|\s*(?:sudo\s+)?(?:python[\d.]{0,4}|perl|ruby|node|php)(?:\s+-)?\s*(?=$|[;&"'`)\n])/gim,
  ],
  [
    0.82,
    /(?:\b(?:ba|z|da)?sh|\beval|\bsource|(?:^|[\s;])\.)\s+(?:-\w{1,3}\s+)?["']?(?:<\(|\$\(|`)\s*(?:curl|wget)\s/gim,
  ],
  [
    0.8,
    /\b(?:curl|wget)\s[^\n]{0,200}(?:&&|;)\s*chmod\s+(?:[ugoa]{0,3}\+x|0?[0-7]{3})\s[^\n]{0,80}(?:&&|;)\s*(?:sudo\s+|nohup\s+|exec\s+)?(?:\.\/|\/tmp\/|\/dev\/shm\/|(?:ba)?sh\s)/gi,
  ],
  [
    0.9,
    /\b(?:iex|Invoke-Expression)\b[^\n]{0,80}(?:DownloadString|DownloadData|Invoke-WebRequest|Invoke-RestMethod|\biwr\b|\birm\b|\bcurl\b|\bwget\b)/gi,
  ],
  [
    0.9,
    /(?:DownloadString|Invoke-WebRequest|Invoke-RestMethod|\biwr|\birm)\b[^\n]{0,200}\|\s*(?:iex|Invoke-Expression)\b/gi,
  ],
  [
    0.85,
    /\bDownloadFile\s*\(/gi,
    { near: [/\b(?:Start-Process|Process\.Start|ShellExecute|WScript\.Shell|saps|Invoke-Item)\b/i] },
  ],
  [0.85, /\bURLDownloadToFile[AW]?\b/g, { near: [/\b(?:ShellExecute|WinExec|CreateProcess|system\s*\()/] }],
  [0.9, /\bcertutil(?:\.exe)?\s[^\n]{0,40}-urlcache\b/gi],
  [0.85, /\bbitsadmin(?:\.exe)?\s[^\n]{0,60}\/transfer\b/gi],
  [0.92, /\bmshta(?:\.exe)?\s+["']?(?:https?:|javascript:|vbscript:)/gi],
  [0.92, /\bregsvr32(?:\.exe)?\s[^\n]{0,40}\/i:https?:/gi],
  [0.92, /\brundll32(?:\.exe)?\s+["']?javascript:/gi],
  [
    0.92,
    /\b(?:exec|eval)\s*\(\s*(?:compile\s*\(\s*)?(?:requests\.get|(?:urllib[\w.]{0,16}\.)?urlopen|httpx\.get)\s*\(/g,
  ],
  [
    0.9,
    /\b(?:eval|Function)\s*\(\s*(?:await\s*)?\(?\s*(?:await\s+)?\(?\s*(?:fetch|axios\.get|axios|got|request)\s*\(/g,
  ],
  [
    0.88,
    /\b(?:fetch|axios\.get)\s*\([^\n]{0,160}\.then\s*\(\s*(?:eval\b|[^\n]{0,40}=>\s*(?:eval|new\s+Function)\s*\()/g,
  ],
  [
    0.92,
    /\b(?:eval|include|include_once|require|require_once)\s*\(?\s*(?:file_get_contents\s*\(\s*)?["']https?:\/\//g,
  ],
  [0.9, /\beval\s*\(?\s*(?:URI\.)?open\s*\(\s*["']https?:/g],
  [
    0.85,
    /\b(?:os\.system|subprocess\.\w{3,12}|child_process\.\w{4,12}|execSync|exec)\s*\(\s*f?["'`](?:curl|wget)\s[^\n]{0,200}\|\s*(?:ba)?sh\b/g,
  ],
]);

const obfuscatedExecution = rulesFor('obfuscated_execution', [
  [
    0.92,
    /\b(?:eval|Function|execScript)\s*\(\s*(?:window\.|globalThis\.|self\.)?(?:atob|unescape|decodeURIComponent|Buffer\.from|String\.fromCharCode|CryptoJS\.AES\.decrypt)\s*\(/g,
  ],
  [0.85, /\beval\s*\(\s*function\s*\(\s*p\s*,\s*a\s*,\s*c\s*,\s*k\s*,/g],
  [0.85, /\[\s*["'](?:\\x[0-9a-f]{2}){3,60}["']\s*\]\s*\(/gi],
  [
    0.93,
    /\b(?:exec|eval|compile)\s*\(\s*(?:__import__\s*\(\s*["']\w{1,20}["']\s*\)\s*\.\s*|\w{1,20}\.){0,2}(?:b(?:16|32|64|85)decode|urlsafe_b64decode|a85decode|decompress|unhexlify|fromhex|decode|loads)\s*\(/g,
  ],
  [0.9, /\bexec\s*\(\s*(?:["']{2}\.join\s*\(\s*(?:map\s*\(\s*)?chr\b|bytes\s*\(\s*\[)/g],
  [
    0.94,
    /\b(?:eval|assert|create_function|system|passthru|shell_exec)\s*\(\s*@?(?:["'][^"'\n]{0,20}["']\s*,\s*)?(?:gz(?:inflate|uncompress|decode)|base64_decode|str_rot13|strrev|hex2bin|convert_uudecode)\s*\(/g,
  ],
  [
    0.9,
    /\b(?:eval|instance_eval|class_eval)\s*\(?\s*(?:Base64\.\w{0,8}decode64|Zlib::Inflate\.inflate|\[["'][^"'\n]{1,2000}["']\]\.pack)/g,
  ],
  [0.9, /\beval\s*\(?\s*(?:decode_base64|unpack|pack)\s*[( ]/g, { unless: /\bjavascript\b/ }],
  [0.9, /\b(?:load|loadstring)\s*\(\s*(?:\w{1,20}\.)?(?:b64|base64|decode|unhex|from_base64)\w{0,12}\s*\(/g],
  [
    0.93,
    /\bbase64\s+(?:-d|-D|-di|--decode)\b[^\n;]{0,80}\|\s*(?:sudo\s+)?(?:gunzip\s[^\n|]{0,10}\|\s*)?(?:(?:ba|z|da|k)?sh|python[\d.]{0,4}|perl)\b/gi,
  ],
  [0.93, /\bxxd\s+-r\b[^\n;]{0,20}\|\s*(?:ba|z|da|k)?sh\b/gi],
  [0.9, /\|\s*rev\s*\|\s*(?:ba|z|da|k)?sh\b/gi],
  [0.92, /\bopenssl\s+(?:enc|base64|aes[\w-]{0,12})\s[^\n;]{0,80}-d\b[^\n;]{0,80}\|\s*(?:ba|z|da|k)?sh\b/gi],
  [
    0.93,
    /(?:\beval|\b(?:ba|z|da)?sh\s+-c|\bsh\s+<<<)\s+["']?(?:\$\(|`)[^\n]{0,4000}(?:\bbase64\s+(?:-d|-D|--decode)|\bxxd\s+-r|\|\s*rev\b)/gi,
  ],
  [
    0.85,
    /\b(?:powershell|pwsh)(?:\.exe)?["']?\s[^\n]{0,160}?[-/](?:e|ec|en[a-z]{0,13})\s+["']?[A-Za-z0-9+/]{16,}/gi,
  ],
  [
    0.92,
    /\b(?:iex|Invoke-Expression)\b/gi,
    {
      near: [
        /FromBase64String|-join\s*\(?\s*\(?[^\n]{0,40}\[char\]|\[char\]\s*(?:0x[0-9a-f]{2}|\d{2,3})\s*\+|\.Replace\([^\n]{0,40}\)\.Replace\(|IO\.Compression/i,
      ],
    },
  ],
  [
    0.93,
    /\bAssembly(?:\]::|\.)Load\s*\(\s*(?:\[?(?:System\.)?Convert\]?(?:::|\.)FromBase64String|\w{1,20}\.Decompress)/gi,
  ],
  [0.9, /\bdefineClass\s*\([^\n]{0,80}(?:Base64|getDecoder|decode)\b/g],
  [0.9, /\b(?:Execute|ExecuteGlobal|Eval)\s*\(?\s*(?:Chr[WB]?\s*\(\s*(?:&H)?[0-9A-F]{1,5}\s*\)\s*&\s*){3}/gi],
  [0.92, /\bcmd(?:\.exe)?\s[^\n]{0,40}(?:\^\w\^?\w?){6}/gi],
]);

export const executionRules = [...reverseShell, ...downloadAndExecute, ...obfuscatedExecution];
