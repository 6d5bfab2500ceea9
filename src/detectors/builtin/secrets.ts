import type { BuiltinDetector, BuiltinFinding } from './builtin-detector';
import { codePointIndexer } from './code-points';
import { strongestOfOverlapping } from './overlaps';
import { findAssignedSecrets } from './secrets/assignments';
import { findUsedCredentials } from './secrets/credentials';
import { findKnownKeys } from './secrets/known-keys';
import { findPrivateKeys } from './secrets/private-keys';
import { findConnectionSecrets } from './secrets/urls';
import { findVendorTokens } from './secrets/vendor-tokens';

/**
 * Keys, tokens, passwords and private keys: by the issuer's format, by the place they are used in, or by the name they
 * are assigned to. Stand-ins, digests, public keys and values looked up elsewhere are clean. Takes no params.
 */
export const secretsDetector: BuiltinDetector = {
  name: 'secrets',
  version: '1.0.0',
  maxContentLength: 50_000,
  taxonomyCategories: [
    'SECURITY.Credentials.APIKey',
    'SECURITY.Credentials.Password',
    'SECURITY.Credentials.Token',
  ],
  async detect(text): Promise<BuiltinFinding[]> {
    const candidates = [
      ...(await findVendorTokens(text)),
      ...findKnownKeys(text),
      ...findPrivateKeys(text),
      ...findConnectionSecrets(text),
      ...findUsedCredentials(text),
      ...findAssignedSecrets(text),
    ];
    const codePoint = codePointIndexer(text);
    return strongestOfOverlapping(candidates).map(({ start, end, label, score }) => ({
      start: codePoint(start),
      end: codePoint(end),
      label,
      type: 'secret',
      score,
    }));
  },
};
