import { rulesFor } from './rule';

/** The end of a shell word: what follows is no longer part of the path. */
const wordEnd = String.raw`(?=$|[\s;&|"'\x60)\]}])`;
const systemFolder =
  'bin|boot|dev|etc|home|lib|lib64|opt|proc|root|sbin|srv|sys|usr|var|Users|System|Library|Applications';
const wholeDisk = String.raw`\/dev\/(?:sd[a-z]|hd[a-z]|vd[a-z]|xvd[a-z]|nvme\d|mmcblk\d|r?disk\d)`;
/** A database nobody mourns: dropping it is part of every test suite. */
const throwaway = String.raw`(?!["\x60\[']?\w{0,40}(?:test|tmp|temp\b|temp_|sandbox|scratch|demo|example|fixture|_ci\b|\bci_))`;

const destructiveCommand = rulesFor('destructive_command', [
  [
    0.97,
    new RegExp(
      String.raw`\brm\s+(?:--?[\w-]{1,24}\s+){0,4}-{1,2}(?:[a-z]{0,4}r|recursive)[\w-]{0,20}\s+(?:--?[\w-]{1,24}\s+){0,3}["']?(?:\/|~|\$\{?HOME\}?)(?:\/?\*|\/)?["']?${wordEnd}`,
      'gim',
    ),
  ],
  [
    0.93,
    new RegExp(
      String.raw`\brm\s+(?:--?[\w-]{1,24}\s+){0,4}-{1,2}(?:[a-z]{0,4}r|recursive)[\w-]{0,20}\s+(?:--?[\w-]{1,24}\s+){0,3}["']?\/(?:${systemFolder})(?:\/?\*|\/)?["']?${wordEnd}`,
      'gm',
    ),
  ],
  [0.97, /\brm\s[^\n;|]{0,40}--no-preserve-root\b/gi],
  [
    0.9,
    /\b(?:shutil\.rmtree|rimraf(?:\.sync|Sync)?|fs\.(?:promises\.)?(?:rmSync|rm|rmdirSync|rmdir)|FileUtils\.rm_rf?|FileUtils\.deleteDirectory|os\.RemoveAll|remove_dir_all|deltree|fs::remove_all)\s*\(\s*(?:new\s+File\s*\(\s*)?["'`](?:\/|~\/?|[A-Z]:[\\/]{1,4}|\/(?:etc|usr|home|var|bin|root|boot)\/?)["'`]/g,
  ],
  [
    0.9,
    /\b(?:shutil\.rmtree|rimraf|fs\.rmSync|FileUtils\.rm_rf|os\.RemoveAll)\s*\(\s*(?:os\.path\.expanduser\(\s*["']~["']\s*\)|os\.homedir\(\)|Dir\.home|Path\.home\(\))\s*[,)]/g,
  ],
  [0.92, /\bfind\s+(?:\/|~|\$HOME)\s[^\n;|]{0,80}(?:-delete\b|-exec\s+(?:rm|shred)\b)/gi],
  [0.99, /(?<![:\w.])([:\w.]{1,16})\s*\(\s*\)\s*\{\s*\1\s*\|\s*\1\s*&\s*\}\s*;\s*\1/gm],
  [0.95, /%0\s*\|\s*%0/g],
  [0.93, /\bwhile\s*\(?\s*(?:True|true|1)\s*\)?\s*[:{]?\s*(?:\n\s*)?(?:os\.)?fork\s*(?:\(\s*\)|while)/g],
  [0.93, /\bfor\s*\(\s*;\s*;\s*\)\s*\{?\s*fork\s*\(\s*\)|\bfork\s+while\s+(?:fork|1)\b/g],
  [0.9, /\bmkfs(?:\.\w{2,8})?\s+(?:-\S{1,20}\s+){0,4}\/dev\/(?:sd|hd|vd|xvd|nvme|mmcblk)\w{1,10}/gi],
  [
    0.96,
    new RegExp(
      String.raw`\bdd\s[^\n;|]{0,60}\bif=\/dev\/(?:zero|u?random)\s[^\n;|]{0,60}\bof=${wholeDisk}`,
      'gi',
    ),
  ],
  [
    0.96,
    new RegExp(
      String.raw`\bdd\s[^\n;|]{0,60}\bof=${wholeDisk}\w{0,4}\s[^\n;|]{0,60}\bif=\/dev\/(?:zero|u?random)`,
      'gi',
    ),
  ],
  [0.95, new RegExp(String.raw`(?:[^-=>]>|\btee)\s*${wholeDisk}\b`, 'gi')],
  [
    0.93,
    new RegExp(
      String.raw`\b(?:shred|wipefs|blkdiscard|sgdisk|badblocks\s+-w)\s[^\n;|]{0,60}${wholeDisk}`,
      'gi',
    ),
  ],
  [0.92, /\bformat(?:\.com)?\s+[c-e]:\s*(?:\/\w|$)/gim],
  [
    0.94,
    /\b(?:del|erase)\s+(?:\/[fsqa]\s+){1,4}["']?(?:[a-z]:\\(?:\*|windows|users)?|%systemroot%|%systemdrive%)/gi,
  ],
  [
    0.94,
    /\b(?:rd|rmdir)\s+(?:\/[sq]\s+){1,2}["']?(?:[a-z]:\\?(?:\s|$|["'*]|windows|users)|%systemroot%|%systemdrive%|%userprofile%)/gim,
  ],
  [
    0.93,
    /\bRemove-Item\s[^\n;|]{0,60}(?:[A-Z]:\\(?:\*|Windows|Users)?(?=$|[\s"'])|\$env:(?:SystemRoot|USERPROFILE|SystemDrive)\b)[^\n;|]{0,60}/gim,
    { near: [/-Recurse\b/i] },
  ],
  [0.9, /\bFormat-Volume\s[^\n]{0,60}-DriveLetter\b|\bClear-Disk\s[^\n]{0,60}-RemoveData\b/gi],
  [
    0.88,
    new RegExp(
      String.raw`\bdrop\s+(?:database|schema)\s+(?:if\s+exists\s+)?${throwaway}["\x60\[]?[\w$.-]{1,64}["\x60\]]?\s*(?:;|cascade\b|with\s*\(\s*force)`,
      'gi',
    ),
  ],
  [
    0.85,
    new RegExp(
      String.raw`\bDROP\s+(?:DATABASE|SCHEMA)\s+(?:IF\s+EXISTS\s+)?${throwaway}["\x60\[]?[\w$.-]{1,64}["\x60\]]?\s*(?=$|["'\x60)])`,
      'gm',
    ),
  ],
  [
    0.88,
    /\.dropDatabase\s*\(\s*\)/g,
    { unless: /\b(?:afterEach|afterAll|beforeEach|beforeAll|describe|tearDown|test)\b/ },
  ],
  [0.85, /\bredis-cli\b[^\n]{0,80}\bflushall\b/gi],
  [0.8, /\bkubectl\s+delete\s+(?:ns|namespaces?|all|pvc?|deployments?)\s+--all\b[^\n]{0,40}/gi],
  [0.8, /\baws\s+s3\s+(?:rb\s+s3:\/\/\S{1,80}\s+--force|rm\s+s3:\/\/[\w.-]{1,63}\/?\s+--recursive)/gi],
  [0.8, /\bterraform\s+destroy\s[^\n]{0,40}-auto-approve\b/gi],
  [0.93, /\bmv\s+(?:-\w{1,3}\s+)?(?:\/\*?|~\/?\*?|\$HOME)\s+\/dev\/null/gi],
  [0.9, /\bkill\s+-(?:9|KILL|SIGKILL)\s+-1\b/gi],
  [0.9, /\becho\s+[bco]\s*>\s*\/proc\/sysrq-trigger/gi],
  [0.9, /\bchmod\s+(?:-\w{1,3}\s+)?(?:000|a-rwx)\s+\/(?=$|[\s;&*"'`])/gim],
]);

const ransomware = rulesFor('ransomware', [
  [
    0.93,
    /\b(?:os\.walk|os\.scandir|os\.listdir|glob\.i?glob|rglob|Directory\.(?:GetFiles|EnumerateFiles)|filepath\.Walk(?:Dir)?|readdirSync|readdir|WalkDir|Files\.walk|Get-ChildItem|listFiles|Dir\.glob|find\s+(?:\/|~|\$HOME))/g,
    {
      near: [
        /encrypt|\bAES\b|Fernet|CreateEncryptor|createCipheriv|Cipher\.(?:new|getInstance)|openssl\s+enc|gpg\s+(?:-c|--symmetric)/,
        /\bransom|readme[\w-]{0,20}decrypt|how_to_(?:decrypt|recover|restore)|\.(?:locked|crypt(?:ed)?|encrypted|l0cked|wncry|pay)["'`)]|restore_files|your files/i,
      ],
    },
  ],
  [
    0.85,
    /\b(?:os\.walk|rglob|filepath\.Walk(?:Dir)?|Directory\.(?:GetFiles|EnumerateFiles)|readdirSync|Files\.walk|find\s+(?:\/|~|\$HOME|\/home))/g,
    {
      near: [
        /\.encrypt\s*\(|\bencrypt_?file|encryptFile|CreateEncryptor|createCipheriv|Cipher\.(?:new|getInstance)|openssl\s+enc|gpg\s+(?:-c|--symmetric)/,
        /\bos\.(?:remove|unlink|Remove)\s*\(|unlinkSync?\s*\(|File\.Delete\s*\(|Files\.delete\s*\(|\bshred\s+-u|\brm\s+-f?\s/,
      ],
    },
  ],
  [0.95, /\bvssadmin(?:\.exe)?\s+(?:delete\s+shadows|resize\s+shadowstorage)\b/gi],
  [0.95, /\bwmic(?:\.exe)?\s+shadowcopy\s+delete\b/gi],
  [0.93, /\bwbadmin(?:\.exe)?\s+delete\s+(?:catalog|systemstatebackup)\b/gi],
  [0.9, /\bbcdedit(?:\.exe)?\s[^\n]{0,60}\brecoveryenabled\s+no\b/gi],
  [
    0.93,
    /\byour\s+(?:\w{1,16}\s+){0,4}(?:files?|documents?|data|network|photos)\s+(?:\w{1,16}\s+){0,4}(?:are|is|was|were|been)\s+(?:\w{1,16}\s+){0,2}(?:encrypted|locked)\b/gi,
    {
      near: [
        /\b(?:bitcoins?|btc|monero|xmr|wallet|payment|pay\s+(?:us|within|the)|tor\s+browser|\.onion)\b/i,
        /\bdecrypt|\brecover|\brestore|\bunlock/i,
      ],
    },
  ],
]);

const cryptominer = rulesFor('cryptominer', [
  [0.95, /\bstratum\+(?:tcp|ssl|tls|udp):\/\/[\w.@-]{1,100}:\d{2,5}/gi],
  [
    0.93,
    /\b(?:xmrig|minerd|cpuminer|ccminer|t-rex|phoenixminer|nbminer|xmr-stak|lolminer|ethminer)(?:\.exe)?\s[^\n]{0,120}(?:--?(?:o|url|u|user|a|algo|pool|coin)\b|--donate-level)/gi,
  ],
  [0.93, /\bnew\s+(?:CoinHive|CryptoLoot|deepMiner|Client)\.(?:Anonymous|User|Token)\s*\(/gi],
  [0.9, /\b(?:coinhive|cryptoloot|coin-hive|webminepool|jsecoin)\b[^\n]{0,40}\.(?:min\.)?js\b/gi],
  [
    0.9,
    /["'](?:donate-level|rig-id|randomx)["']\s*:/gi,
    { near: [/["'](?:pools|url|wallet|user)["']\s*:/i] },
  ],
]);

export const destructionRules = [...destructiveCommand, ...ransomware, ...cryptominer];
