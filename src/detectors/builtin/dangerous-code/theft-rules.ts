import { rulesFor } from './rule';

const sendsAway =
  /\bcurl\s[^\n]{0,120}(?:-F|-d|--data\S{0,10}|-T|--upload-file)\s|\b(?:requests|httpx|axios|http)\.post\b|urlopen\s*\(|\b(?:nc|ncat|scp|rsync)\s[^\n]{0,40}[\w.]{2}|fetch\s*\(\s*["'`]https?:|https?\.request\s*\(|\b-Method\s+Post\b|sendBeacon|smtplib|sendMail|UploadString|UploadFile|discord(?:app)?\.com\/api\/webhooks|api\.telegram\.org/i;
const storesOrSends =
  /\bopen\s*\(|\.write\w*\s*\(|fprintf|fputs|fwrite|ofstream|logging\.|appendFile|writeFile|StreamWriter|AppendAllText|Out-File|Add-Content|smtplib|\brequests\.post|\bsend(?:all|to)?\s*\(/;

const credentialTheft = rulesFor('credential_theft', [
  [
    0.88,
    /\b(?:cat|cp|scp|less|head|tail|tar|curl|nc|unshadow|john|base64|grep|strings)\s[^\n]{0,60}\/etc\/g?shadow\b/gi,
  ],
  [
    0.88,
    /\b(?:open|readFile|readFileSync|file_get_contents|fopen|ReadFile|File\.read|ifstream\s+\w{1,12})\s*\(\s*["'`]\/etc\/g?shadow["'`]/g,
  ],
  [
    0.97,
    /\b(?:sekurlsa|lsadump|kerberos|vault|dpapi)::\w{2,20}|\bInvoke-Mimikatz\b|\bmimikatz(?:\.exe)?\s+["']?\w+::/gi,
  ],
  [0.95, /\bprocdump(?:64)?(?:\.exe)?\s[^\n]{0,60}\blsass\b|\bcomsvcs\.dll[^\n]{0,20}MiniDump\b/gi],
  [0.9, /\bMiniDumpWriteDump\s*\(/g, { near: [/lsass/i] }],
  [0.94, /\breg(?:\.exe)?\s+save\s+(?:HKLM|HKEY_LOCAL_MACHINE)\\{1,2}(?:SAM|SYSTEM|SECURITY)\b/gi],
  [
    0.94,
    /\bntdsutil\b[^\n]{0,60}\bifm\b|\bsecretsdump(?:\.py)?\s|\bntds\.dit\b[^\n]{0,60}\b(?:copy|esentutl|vssadmin)/gi,
  ],
  [
    0.92,
    /\b(?:Login Data|Web Data|logins\.json|key[34]\.db|cookies\.sqlite|Local State)\b/g,
    {
      near: [
        /\bCryptUnprotectData|win32crypt|\bsqlite3?\b|encrypted_key|PK11SDR|shutil\.copy|copyfile/i,
        /\bpassword|\bencrypted_key|\bcookies?\b|CryptUnprotectData/i,
        /Chrome|Firefox|Edge|Brave|Opera|User Data|Profiles/,
      ],
    },
  ],
  [
    0.9,
    /\bwallet\.dat\b|\bLocal Storage[\\/]{1,4}leveldb\b|\bExodus[\\/]{1,4}exodus\.wallet\b/gi,
    { near: [sendsAway] },
  ],
  [
    0.9,
    /(?:\.ssh\/(?:id_(?:rsa|ed25519|ecdsa|dsa)|\*|["'`])|\.aws\/credentials|\.kube\/config|\.docker\/config\.json|\.netrc|\.git-credentials|\.npmrc|\.config\/gcloud|\.gnupg)/g,
    { near: [sendsAway], unless: /ssh-copy-id|(?:scp|ssh|rsync)\s[^\n]{0,20}-i\s/ },
  ],
  [
    0.93,
    /(?:^|[\s;&|`(])(?:printenv|env|set|export\s+-p)\s*\|\s*(?:base64[^\n|]{0,20}\|\s*|gzip[^\n|]{0,10}\|\s*)?(?:curl|nc|wget)\b/gim,
  ],
  [
    0.92,
    /\bcurl\s[^\n]{0,160}(?:\$\(|`)\s*(?:printenv|env|cat\s+(?:~|\$HOME|\/home|\/root|\/etc\/(?:passwd|shadow)|\.env))/gi,
  ],
  [0.9, /\bJSON\.stringify\s*\(\s*process\.env\s*\)/g, { near: [sendsAway] }],
  [0.9, /(?:json|data)\s*=\s*(?:json\.dumps\s*\(\s*)?(?:dict\s*\(\s*)?os\.environ\b/g, { near: [sendsAway] }],
  [
    0.75,
    /\b169\.254\.169\.254\/(?:latest\/(?:meta-data\/iam\/security-credentials|api\/token)|computeMetadata\/v1\/instance\/service-accounts|metadata\/identity)/g,
  ],
  [
    0.93,
    /(?:fetch\s*\(|\.src\s*=|sendBeacon\s*\(|location(?:\.href)?\s*=|\.open\s*\(|\.send\s*\()[^\n]{0,160}\b(?:document\.cookie|localStorage\.getItem|JSON\.stringify\(localStorage)/g,
    { near: [/https?:\/\/|\/\/[\w.-]{4,80}\//] },
  ],
  [0.92, /\bsecurity\s+(?:dump-keychain|find-(?:generic|internet)-password\s[^\n]{0,60}-w)\b/gi],
  [0.88, /\bnetsh\s+wlan\s+show\s+profiles?\b[^\n]{0,60}\bkey\s*=\s*clear\b/gi],
  [0.9, /\bcmdkey\s+\/list\b[^\n]{0,60}\||\bvaultcmd\s+\/listcreds/gi],
]);

const keylogger = rulesFor('keylogger', [
  [0.92, /\bon_(?:press|release)\s*=/g, { near: [/\bpynput\b|keyboard\.Listener/, storesOrSends] }],
  [0.9, /\bkeyboard\.(?:on_press|on_release|hook|record|start_recording)\s*\(/g, { near: [storesOrSends] }],
  [0.93, /\bSetWindowsHookEx[AW]?\b/g, { near: [/WH_KEYBOARD(?:_LL)?|\b13\s*,/] }],
  [0.9, /\bGetAsyncKeyState\b/g, { near: [storesOrSends, /\b(?:for|while)\b/] }],
  [
    0.9,
    /\/dev\/input\/(?:event\d?|by-path)/g,
    {
      near: [/struct\.unpack|input_event|EV_KEY|\bread\s*\(/, storesOrSends],
      unless: /joystick|gamepad|touchscreen/i,
    },
  ],
  [0.9, /\bCGEventTapCreate\s*\(/g, { near: [/kCGEventKeyDown/] }],
  [0.85, /\bxinput\s+test(?:-xi2)?\s[^\n]{0,60}(?:>|\|\s*tee)/gi],
  [
    0.92,
    /\b(?:addEventListener\s*\(\s*["'`]key(?:down|up|press)["'`]|onkey(?:down|up|press)\s*=)/g,
    {
      near: [
        /\b\w{1,8}\.(?:key|keyCode|which|code|charCode)\b/,
        /(?:fetch|sendBeacon|WebSocket|axios\.post|\.open)\s*\([^\n]{0,20}["'`](?:https?|wss?):\/\/|\.src\s*=\s*["'`]https?:/,
      ],
    },
  ],
  [0.88, /\bAddClipboardFormatListener\b|\bpyperclip\.paste\s*\(/g, { near: [sendsAway] }],
]);

const injectionCalls = [
  'OpenProcess',
  'VirtualAllocEx',
  'WriteProcessMemory',
  'CreateRemoteThread(?:Ex)?',
  'NtCreateThreadEx',
  'RtlCreateUserThread',
  'QueueUserAPC',
  'NtUnmapViewOfSection',
  'ZwUnmapViewOfSection',
  'SetThreadContext',
  'NtMapViewOfSection',
  'NtQueueApcThread',
].join('|');

const processInjection = rulesFor('process_injection', [
  [
    0.95,
    new RegExp(
      String.raw`\b(?:WriteProcessMemory|NtWriteVirtualMemory|NtUnmapViewOfSection|ZwUnmapViewOfSection)\b`,
      'g',
    ),
    { near: [new RegExp(String.raw`\b(?:${injectionCalls.replace('WriteProcessMemory|', '')})\b`)] },
  ],
  [0.93, /\bCreateRemoteThread(?:Ex)?\b/g, { near: [/\b(?:VirtualAllocEx|LoadLibrary[AW]?|OpenProcess)\b/] }],
  [
    0.93,
    /\b(?:VirtualAlloc|VirtualProtect|mmap)\s*\(/g,
    {
      near: [
        /PAGE_EXECUTE_READWRITE|0x40\b|PROT_EXEC/,
        /(?:\\x[0-9a-f]{2}){8}|(?:0x[0-9a-f]{2}\s*,\s*){8}|shellcode|payload/i,
      ],
    },
  ],
  [0.92, /\bptrace\s*\(\s*PTRACE_POKE(?:TEXT|DATA)\b/g],
  [0.9, /\bmemfd_create\s*\(/g, { near: [/\bfexecve\s*\(|\/proc\/self\/fd/] }],
  [0.9, /\b(?:LD_PRELOAD|DYLD_INSERT_LIBRARIES)=(?:\/tmp|\/dev\/shm|\/var\/tmp|\.\/)\S{0,60}/g],
  [0.9, /\bdd\s[^\n;|]{0,60}of=\/proc\/(?:\$\w+|\$\{\w+\}|\d+|self)\/mem\b/g],
  [
    0.92,
    /\(\s*\(?\s*void\s*\(\s*\*\s*\)\s*\(\s*(?:void)?\s*\)\s*\)\s*&?\s*(?:shellcode|buf|code|payload|sc)\b/g,
  ],
]);

export const theftRules = [...credentialTheft, ...keylogger, ...processInjection];
