import { endpointSchema } from '../../../src/contract/upstream';

const faultsOf = (endpoint: object) =>
  endpointSchema
    .safeParse({ url: 'https://llm.example', ...endpoint })
    .error?.issues.map(({ path }) => path.join('.')) ?? [];

describe('An endpoint', () => {
  it.each([
    ['api_key', { secret_ref: 'env:LLM_KEY' }],
    ['bearer_token', { secret_ref: 'vault:secret/llm#token' }],
    ['basic_auth', { username_ref: 'file:/run/secrets/user', password_ref: 'env:PASSWORD' }],
    ['bearer_token', {}],
    ['none', { tls: { ca_ref: 'file:/etc/ca.pem' } }],
  ])('takes secrets of %s by reference', (auth_type, auth_config) => {
    expect(faultsOf({ auth_type, auth_config })).toEqual([]);
  });

  it.each([
    ['a secret in the open', 'bearer_token', { secret_ref: 'sk-123' }, ['auth_config.secret_ref']],
    ['a header without its secret', 'api_key', { header: 'X-Key' }, ['auth_config.secret_ref']],
    ['what its type does not know', 'none', { token: 'x' }, ['auth_config']],
    ['a certificate without its key', 'none', { tls: { cert_ref: 'env:C' } }, ['auth_config.tls.key_ref']],
  ])('refuses %s', (_what, auth_type, auth_config, faults) => {
    expect(faultsOf({ auth_type, auth_config })).toEqual(faults);
  });
});
