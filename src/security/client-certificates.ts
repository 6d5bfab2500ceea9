import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { ClientCertificate, Identity } from '../contract/identity';
import type { Certified } from '../contract/tls';
import { grantsOf } from '../domain/permissions';

/** Null: the caller has shown none. */
export function certificateOn(socket: TLSSocket): ClientCertificate | null {
  // Without one it is an empty object, or null after the connection is gone.
  const certificate = socket.getPeerCertificate() as Partial<PeerCertificate> | null;
  if (!certificate?.fingerprint256 || certificate.valid_to === undefined) return null;
  return {
    isTrusted: socket.authorized,
    names: [...urisIn(certificate.subjectaltname), ...commonNameIn(certificate.subject?.CN)],
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    expiresAt: Date.parse(certificate.valid_to),
  };
}

/** Names with quotes in them hold what could be taken for another name: then none is believed. */
function urisIn(alternatives: string | undefined): string[] {
  if (alternatives === undefined || alternatives.includes('"')) return [];
  return alternatives
    .split(', ')
    .filter((name) => name.startsWith('URI:'))
    .map((name) => name.slice('URI:'.length));
}

/** More than one is a list, and none is the one. */
function commonNameIn(name: unknown): string[] {
  return typeof name === 'string' ? [`CN=${name}`] : [];
}

/** Whom certificates stand for, as the settings say; null: for nobody, so that it takes another credential. */
export function certifiedBy(
  entries: readonly Certified[],
): (certificate: ClientCertificate) => Identity | null {
  const known = new Map(
    entries.map(({ name, tenant_id: tenantId, roles, scopes }) => [
      name,
      { tenantId, roles, grants: grantsOf(roles, scopes) },
    ]),
  );
  return ({ names, fingerprint, expiresAt }) => {
    const name = names.find((one) => known.has(one));
    if (name === undefined) return null;
    const subject = `cert:${name}`;
    return {
      ...known.get(name)!,
      subject,
      owner: subject,
      method: 'certificate',
      tokenId: fingerprint,
      expiresAt,
    };
  };
}
