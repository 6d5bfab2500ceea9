import { type Attack, attackLevels } from '../contract/firewall';
import { type AttackRule, attackRules, operatorKey } from './attack-rules';

/** Where a text stands: in the request line or a header, or as a field of a body, where it may be prose or code. */
export type Place = 'line' | 'text';

/** What every rule needs some of; most texts have none of it. */
const suspicious =
  /[<'"`;|&$(){}[\\%\0\r\n*#=\uff00-\uffef]|\.\.|--|(?:script|file)\s{0,4}:|\/(?:etc|proc|bin)\/|\b(?:union|drop|insert|delete|update|select|powershell|xp_|cmd|from)\b|xp_cmdshell|innerHTML|document\./i;
/** Decoded as often as an application behind a proxy would. */
const rounds = 2;

/** Those that are looked for in a place, the worst first: the first that is found is the verdict. */
const rulesOf: Readonly<Record<Place, readonly AttackRule[]>> = {
  line: inOrder(attackRules),
  text: inOrder(
    attackRules.flatMap((rule) =>
      rule.inText === null ? [] : [{ ...rule, level: rule.inText ?? rule.level }],
    ),
  ),
};

/** What a text looks like at its worst; null for what looks like nothing. */
export function attackIn(text: string, place: Place): Attack | null {
  if (!suspicious.test(text)) return null;
  const plain = normalized(text);
  const readings = plain === text ? [text] : [text, plain];
  const rule = rulesOf[place].find(({ pattern }) => readings.some((reading) => pattern.test(reading)));
  return rule ? { type: rule.type, level: rule.level, rule: rule.name } : null;
}

/** What the name of a field looks like. */
export function attackInKey(key: string): Attack | null {
  if (operatorKey.test(key)) return { type: 'nosql_injection', level: 'high', rule: 'nosql_operator' };
  return attackIn(key, 'text');
}

/** Without what hides an attack from a reader who does not decode: percent signs, entities, comments, wide characters. */
function normalized(text: string): string {
  let plain = text;
  for (let round = 0; round < rounds && /%[0-9a-f]{2}/i.test(plain); round++) plain = unescaped(plain);
  if (/[\uff00-\uffef]/.test(plain)) plain = plain.normalize('NFKC');
  if (plain.includes('&')) plain = withoutEntities(plain);
  if (plain.includes('/*')) {
    plain = plain.replace(/\/\*(?!!)[^*]{0,200}\*\//g, ' ').replace(/\/\*!\d{0,6}|\*\//g, ' ');
  }
  return plain;
}

/** Slashes and dots in more bytes than they need; decoders that are too kind take them for what they are not. */
const overlong = /%c0%ae|%c0%2e|%c1%9c|%c0%af|%e0%80%a[ef]/gi;

function unescaped(text: string): string {
  return text
    .replace(overlong, (bytes) => (/e$/i.test(bytes) ? '.' : '/'))
    .replace(/(?:%[0-9a-f]{2}){1,1000}/gi, (run) => {
      try {
        return decodeURIComponent(run);
      } catch {
        return run.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
      }
    });
}

const named: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

function withoutEntities(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(lt|gt|quot|apos|amp));?/gi,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return named[name.toLowerCase()] ?? whole;
      const code = hex === undefined ? Number(decimal) : parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}

function inOrder(rules: readonly AttackRule[]): AttackRule[] {
  const severity = ({ level }: AttackRule): number => attackLevels.indexOf(level);
  return rules.toSorted((one, other) => severity(other) - severity(one));
}
