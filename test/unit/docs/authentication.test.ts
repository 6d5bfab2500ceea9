import { readFileSync } from 'node:fs';
import path from 'node:path';
import { tokenClaimsSchema } from '../../../src/contract/token-claims';
import { type Fault, refusalFor } from '../../../src/security/refused-credential';

const document = readFileSync(path.resolve(__dirname, '..', '..', '..', 'docs', 'authentication.md'), 'utf8');

const faults: Readonly<Record<Fault, true>> = {
  missing: true,
  unknown: true,
  certificate: true,
  malformed: true,
  algorithm: true,
  unknown_key: true,
  signature: true,
  expired: true,
  not_yet_valid: true,
  issuer: true,
  audience: true,
  claims: true,
  wrong_type: true,
  revoked: true,
};
const refusals = ['permission_missing', 'tenant_mismatch', 'platform_only', 'super_admin_only'];

describe('docs/authentication.md', () => {
  it('names every reason for which a credential is refused, and every header that shows one [A12]', () => {
    const details = (Object.keys(faults) as Fault[]).map((fault) => refusalFor(fault).detail!);
    const all = [...new Set(details), ...refusals, 'tenant_inactive', 'auth_attempts'];
    expect(all.filter((detail) => !document.includes(`\`${detail}\``))).toEqual([]);
    for (const header of ['X-API-Key', 'Authorization: Bearer', 'X-Gateway-Key', 'WWW-Authenticate'])
      expect(document).toContain(header);
  });

  it('names every claim that a token is read for [A12]', () => {
    // What we alone write, and what we read nothing from.
    const unsaid = ['family', 'name'];
    const claims = Object.keys(tokenClaimsSchema.shape).filter((claim) => !unsaid.includes(claim));
    expect(claims.filter((claim) => !new RegExp(`\`${claim}[\`:]`).test(document))).toEqual([]);
  });
});
