import { createHash } from 'node:crypto';
import { isSensitiveField, scrub } from './scrub';

const email = /^[\p{L}\p{N}._%+'-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}$/u;
/** `pii@1.0`, which looks like one. */
const versioned = /^[^\s@]{1,200}@\d{1,9}(?:\.\d{1,9}){0,3}(?:-[0-9A-Za-z]{1,20}(?:\.\d{1,9})?)?$/;
const longest = 500;

/**
 * How a record of the audit log names somebody: as the credential does, but for an e-mail address, which is its digest. So
 * it can be told whether two were the same, or somebody who is known.
 */
export function nameOnRecord(subject: string): string {
  if (versioned.test(subject)) return subject;
  const kind = subject.startsWith('cert:') ? 'cert:' : '';
  const name = subject.slice(kind.length);
  const digest = () => createHash('sha256').update(name.toLowerCase()).digest('hex').slice(0, 16);
  return email.test(name) ? `${kind}sha256:${digest()}` : scrub(subject.slice(0, longest)).text;
}

/** A record as it is shown: no credential and no personal data, whoever has put it there. */
export function presentable<T>(record: T): T {
  return shown(record, '') as T;
}

function shown(value: unknown, name: string): unknown {
  if (typeof value === 'string') {
    // The network of a caller, which is what is kept of an address.
    if (name === 'address') return value;
    return isSensitiveField(name) ? '[REDACTED:SECRET]' : nameOnRecord(value);
  }
  if (Array.isArray(value)) return value.map((each) => shown(each, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [scrub(key).text, shown(inner, key)]),
  );
}
