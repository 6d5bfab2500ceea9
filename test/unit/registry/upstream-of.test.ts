import { forwardsCredentials } from '../../../src/proxy/headers';
import { upstreamOf } from '../../../src/registry/upstream-of';
import { registeredByHand } from '../../support/registered-by-hand';
import { registration } from '../domain/support';

const detectorWith = (rest: Record<string, unknown>) =>
  upstreamOf(
    {
      endpoint_id: 'pii@1.0',
      kind: 'detector',
      detector: registration('pii', rest),
      endpoint: null,
      ...registeredByHand,
    },
    'http://127.0.0.1:1',
  );

describe('A detector as an upstream', () => {
  it.each<Record<string, unknown>>([
    {},
    { auth_type: 'bearer_token', auth_config: { secret_ref: 'env:TOKEN' } },
    { auth_type: 'api_key', auth_config: { header: 'X-Key', secret_ref: 'env:TOKEN' } },
  ])('gets no credential of a caller, whatever its own: %j', (auth) => {
    expect(forwardsCredentials(detectorWith(auth).config)).toBe(false);
  });
});
