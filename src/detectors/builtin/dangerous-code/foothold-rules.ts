import { rulesFor } from './rule';

const hiddenPayload = String.raw`(?:\/tmp\/|\/dev\/shm\/|\/var\/tmp\/|base64|bash\s+-i|\bnc\s|python\d?\s+-c|(?:curl|wget)\s[^\n]{0,120}(?:\|\s*(?:ba)?sh\b|<\())`;

const persistence = rulesFor('persistence_mechanism', [
  [
    0.9,
    new RegExp(
      String.raw`(?:@(?:reboot|hourly|daily)|(?:[\d*][\d*/,-]{0,8}\s+){4}[\d*][\d*/,-]{0,8})\s[^\n]{0,80}${hiddenPayload}`,
      'gi',
    ),
  ],
  [0.92, /\breg(?:\.exe)?\s+add\s[^\n]{0,80}\\{1,4}CurrentVersion\\{1,4}Run(?:Once)?\b/gi],
  [0.92, /\b(?:New-ItemProperty|Set-ItemProperty)\s[^\n]{0,120}\\{1,4}CurrentVersion\\{1,4}Run(?:Once)?\b/gi],
  [
    0.92,
    /\\{1,4}CurrentVersion\\{1,4}Run(?:Once)?\b/gi,
    {
      near: [
        /\b(?:RegSetValueEx|SetValueEx|RegCreateKey|SetValue\s*\(|RegWrite|SetStringValue|registry\.SetStringValue)/,
      ],
    },
  ],
  [
    0.93,
    /\\{1,4}(?:Winlogon|Image File Execution Options)\b[^\n]{0,80}(?:\bUserinit\b|\bShell\b|\bDebugger\b)/gi,
    { near: [/\breg(?:\.exe)?\s+add\b|ItemProperty|SetValue/i] },
  ],
  [
    0.9,
    new RegExp(
      String.raw`\b(?:echo|printf|cat)\s[^\n]{0,160}${hiddenPayload}[^\n]{0,160}>>\s*\S{0,40}\.(?:bashrc|profile|zshrc|bash_profile|zprofile)`,
      'gi',
    ),
  ],
  [
    0.85,
    /\b(?:echo|printf)\s+["']?(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-\w{1,12})\s[^\n]{0,600}>>\s*\S{0,60}\.ssh\/authorized_keys/gi,
  ],
  [0.9, new RegExp(String.raw`\bExecStart\s*=\s*\S{0,20}[^\n]{0,60}${hiddenPayload}`, 'g')],
  [
    0.9,
    /\bschtasks(?:\.exe)?\s[^\n]{0,120}\/create\b[^\n]{0,200}(?:powershell|mshta|wscript|cscript|rundll32|\\{1,2}temp\\|%temp%|appdata|cmd(?:\.exe)?\s+\/c)/gi,
  ],
  [0.9, /\bRegister-ScheduledTask\b/gi, { near: [/-e(?:nc|c)?\s|hidden|DownloadString|\\Temp\\|AppData/i] }],
  [
    0.9,
    /Start Menu[\\/]{1,4}Programs[\\/]{1,4}Startup|shell:startup/gi,
    { near: [/\b(?:copy|CopyFile|shutil\.copy\w*|File\.Copy|Copy-Item|Out-File|CreateShortcut|move)\b/i] },
  ],
  [0.93, /\b__EventFilter\b/g, { near: [/\bCommandLineEventConsumer\b|ActiveScriptEventConsumer/] }],
  [0.92, /(?:>>?|\btee(?:\s+-a)?)\s*\/etc\/ld\.so\.preload\b/g],
  [
    0.88,
    /(?:>>?|\btee(?:\s+-a)?|\bcp\s[^\n]{1,80})\s*\S{0,40}Library\/LaunchAgents\/\S{1,80}/g,
    { near: [new RegExp(String.raw`${hiddenPayload}|RunAtLoad`)] },
  ],
]);

const privilegeEscalation = rulesFor('privilege_escalation', [
  [0.88, /\b(?:echo|printf|tee|cat)\b[^\n]{0,160}\bNOPASSWD\s*:\s*ALL\b/gi],
  [0.88, /\bNOPASSWD\s*:\s*ALL\b[^\n]{0,60}(?:>>|\|\s*(?:sudo\s+)?tee)/gi],
  [
    0.93,
    /\bchmod\s+(?:[ugo]{0,3}\+s|0?[2467]7?[0-7]{3})\s+(?:\/\S{0,40}\/)?\.?\S{0,20}(?:bash|dash|\bsh|zsh|python[\d.]{0,4}|perl|find|vim|nmap)\b/gi,
  ],
  [0.93, /\b(?:useradd|usermod)\s[^\n]{0,80}(?:-o\s+-u\s*0|-u\s*0\s+-o|-ou\s*0)\b/gi],
  [0.95, /\b(?:echo|printf)\s[^\n]{0,80}:0:0:[^\n]{0,80}>>\s*\/etc\/passwd\b/gi],
  [
    0.9,
    /\bnet\s+localgroup\s+(?:administrators|administratoren|"remote desktop users")\s+\S{1,60}\s+\/add\b/gi,
  ],
  [
    0.93,
    /\bset(?:re|res)?[ug]id\s*\(\s*0\b[^\n;]{0,20}\)\s*;/g,
    { near: [/\b(?:exec[lv]p?e?|system)\s*\(\s*"\/bin\/|argv\s*\[\s*1\s*\]/] },
  ],
  [0.93, /\bos\.set(?:re)?uid\s*\(\s*0\b/g, { near: [/\bos\.(?:system|exec\w{1,4})\s*\(/] }],
  [0.88, /\bdocker\s+run\s[^\n]{0,120}(?:-v|--volume[= ]|--mount\s\S{0,30}source=)\s*\/:\/\w/gi],
  [0.88, /\bnsenter\s[^\n]{0,40}(?:-t|--target)[= ]?1\b[^\n]{0,60}/gi],
  [
    0.93,
    /\bsudo\s+(?:find|vim?|awk|less|man|nmap|perl|python\d?|env|tar|git)\s[^\n]{0,80}(?:-exec\s+\/bin\/(?:ba)?sh|!\s?\/?(?:bin\/)?(?:ba)?sh|system\s*\(\s*["']\/bin\/(?:ba)?sh|checkpoint-action=exec|pty\.spawn)/gi,
  ],
  [0.93, /\bms-settings\\{1,4}Shell\\{1,4}Open\\{1,4}command\b/gi],
  [0.9, /\bSeDebugPrivilege\b/g, { near: [/\bAdjustTokenPrivileges\b|\bDuplicateTokenEx\b/] }],
  [0.9, /\brelease_agent\b/g, { near: [/notify_on_release|\/proc\/mounts|upperdir/] }],
]);

const defenseEvasion = rulesFor('defense_evasion', [
  [
    0.93,
    /\bSet-MpPreference\s[^\n]{0,60}-Disable\w{4,40}\s+(?:\$true|1)|\bAdd-MpPreference\s[^\n]{0,40}-ExclusionPath\b/gi,
  ],
  [
    0.9,
    /\b(?:sc(?:\.exe)?\s+(?:stop|delete|config)|net\s+stop)\s+["']?(?:WinDefend|Sense|wscsvc|MpsSvc|SecurityHealthService)\b/gi,
  ],
  [0.88, /\bnetsh\s+advfirewall\s+set\s+\w{3,20}\s+state\s+off\b/gi],
  [0.92, /\bwevtutil(?:\.exe)?\s+(?:cl|clear-log)\s|\bClear-EventLog\s/gi],
  [0.92, /\[Ref\]\.Assembly\.GetType\([^\n]{0,100}AmsiUtils|\bamsiInitFailed\b|\bAmsiScanBuffer\b/gi],
  [
    0.85,
    /\bhistory\s+-c\b[^\n]{0,40}(?:&&|;)|\bunset\s+HISTFILE\b|\bHISTFILE=\/dev\/null\b|\bHISTSIZE=0\b/gi,
  ],
  [
    0.88,
    /(?:\brm\s+-\w{1,4}\s+|\bshred\s[^\n]{0,20}|\btruncate\s+-s\s*0\s+|>\s*|\bln\s+-sf\s+\/dev\/null\s+)(?:~\/\.bash_history|\S{0,30}\.bash_history|\/var\/log\/(?:auth\.log|secure|wtmp|btmp|lastlog|audit\/audit\.log)|\/var\/log\/\*)/gi,
  ],
  [
    0.85,
    /\bsetenforce\s+0\b|\bauditctl\s+-e\s*0\b|\bsystemctl\s+(?:stop|disable|mask)\s+(?:--now\s+)?(?:auditd|apparmor|falco|firewalld|crowdstrike|falcon-sensor)\b/gi,
  ],
  [0.85, /\b(?:iptables|ip6tables)\s+-F\b[^\n]{0,20}(?:&&|;)?[^\n]{0,60}|\bufw\s+disable\b/gi],
]);

const unsafePermissions = rulesFor('unsafe_permissions', [
  [
    0.85,
    /\bchmod\s+(?:-[a-zA-Z]{1,4}\s+|--recursive\s+){0,2}(?:0?777|a\+rwx|ugo\+rwx|a=rwx|o\+w)\s+\S{1,80}/gi,
  ],
  [
    0.82,
    /\b(?:os\.chmod|fs\.(?:promises\.)?chmod(?:Sync)?|chmodSync|os\.Chmod|File\.chmod|FileUtils\.chmod(?:_R)?|chmod)\s*\([^\n)]{0,80}\b(?:0o?777|511|S_IRWXO)\b/g,
  ],
  [0.82, /\bFile\.chmod\s*\(\s*0?777\b|\bPosixFilePermissions\.fromString\s*\(\s*"rwxrwxrwx"/g],
  [
    0.85,
    /\bicacls\s[^\n]{0,80}\/grant(?::r)?\s+["']?(?:Everyone|\*S-1-1-0|Users):\(?(?:OI\)\(CI\))?\(?F\b/gi,
  ],
  [0.8, /(?:^|[\s;])umask\s+0{1,4}(?=$|[\s;&])/gm],
  [0.8, /\bmode\s*[:=]\s*["']?0?777\b/gi],
]);

export const footholdRules = [
  ...persistence,
  ...privilegeEscalation,
  ...defenseEvasion,
  ...unsafePermissions,
];
