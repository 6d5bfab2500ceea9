import type { Candidate } from '../overlaps';
import { isPlaceholder, isReference } from './likeness';

/** `scheme://user:password@host`; the user may be left out, as Redis does. */
const URL_WITH_PASSWORD =
  /(?<![\w+.-])(?:jdbc:)?(?<scheme>[a-z][a-z0-9+.-]{1,24}):\/\/[^\s:/@'"`<>]{0,100}:(?<password>[^\s/@'"`<>]{1,200})@[^\s'"`<>@]{1,300}/gi;
const DATABASE =
  /^(?:postgres(?:ql)?|mysqlx?|mariadb|mongodb|rediss?|amqps?|mssql|sqlserver|oracle|clickhouse|cassandra|cockroachdb|nats|ldaps?|neo4j|bolt|couchbase|influxdb|snowflake|db2|kafka)(?:\+\w+)?$/i;

/** `Server=db1;User Id=app;Password=s3cr3t` and its dialects. */
const PAIRS_WITH_PASSWORD = /(?<![\w])(?:password|pwd|accountkey)\s?=\s?(?<password>[^;\s"'`<>]{3,200})/gi;
const NEIGHBOR_PAIR =
  /(?:server|data source|host|user ?id|uid|username|user|database|initial catalog|driver|endpoint|dbname)\s?=\s?[^;=]{1,100}/i;

const isUsable = (password: string): boolean =>
  password.length >= 4 && !isPlaceholder(password) && !isReference(password) && !/^[A-Z_]+$/.test(password);

/** Addresses and connection strings that carry the password with them. */
export function findConnectionSecrets(text: string): Candidate[] {
  return [...findUrls(text), ...findPairs(text)];
}

function findUrls(text: string): Candidate[] {
  const found: Candidate[] = [];
  for (const match of text.matchAll(URL_WITH_PASSWORD)) {
    const { scheme = '', password = '' } = match.groups ?? {};
    if (!isUsable(decoded(password))) continue;
    const label = DATABASE.test(scheme) ? 'connection_string' : 'password';
    const address = match[0].replace(/[.,;:!?)\]]+$/, '');
    found.push({ start: match.index, end: match.index + address.length, label, score: 0.95 });
  }
  return found;
}

function findPairs(text: string): Candidate[] {
  const found: Candidate[] = [];
  for (const match of text.matchAll(PAIRS_WITH_PASSWORD)) {
    const password = match.groups?.password ?? '';
    const end = match.index + match[0].length;
    const leading = lastLine(text.slice(Math.max(0, match.index - 200), match.index));
    const trailing = text.slice(end, end + 200).split('\n', 1)[0] ?? '';
    const inList = /;\s?$/.test(leading) || (trailing.startsWith(';') && trailing.length > 1);
    if (!inList || !NEIGHBOR_PAIR.test(`${leading}\n${trailing}`) || !isUsable(password)) continue;
    found.push({ start: match.index, end, label: 'connection_string', score: 0.94 });
  }
  return found;
}

const lastLine = (text: string): string => text.slice(text.lastIndexOf('\n') + 1);

function decoded(password: string): string {
  try {
    return decodeURIComponent(password);
  } catch {
    return password;
  }
}
