import { ConclaveError, GatewayError } from '../../../src/contract/errors';
import { newApiKey } from '../../../src/security/api-key';
import { AttemptLimit } from '../../../src/security/attempt-limit';
import { RefusedCredential } from '../../../src/security/refused-credential';
import type { TokenFault } from '../../../src/security/tokens';

const wrong = () => Promise.reject(new RefusedCredential('wrong', 'unknown_credential', 'unknown'));
const right = () => Promise.resolve('right');
const from = (address: string) => ({ address, paths: 'orchestration' as const });
const limitOf = (max: number) => new AttemptLimit({ max, window_seconds: 60, block_seconds: 300 });
const codeOf = (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(String, (error: unknown) => (error as ConclaveError).code);
const { apiKey } = newApiKey();

describe('Attempts [A8]', () => {
  it('of an address that has failed too often are told nothing more; who has a good credential is let in', async () => {
    const limit = limitOf(2);
    const codes: string[] = [];
    for (let i = 0; i < 4; i++) codes.push(await codeOf(limit.guard(from('a'), undefined, wrong)));
    expect(codes).toEqual(['UNAUTHORIZED', 'UNAUTHORIZED', 'RATE_LIMITED', 'RATE_LIMITED']);
    expect(await codeOf(limit.guard(from('a'), undefined, right))).toBe('right');
    expect(await codeOf(limit.guard(from('b'), undefined, wrong))).toBe('UNAUTHORIZED');
  });

  it('from one network of IPv6 are counted together, and an address of IPv4 alone however it is written', async () => {
    const limit = limitOf(1);
    const tried = (address: string) => codeOf(limit.guard(from(address), undefined, wrong));
    expect(await tried('2001:db8::1')).toBe('UNAUTHORIZED');
    expect(await tried('2001:db8:0:0:ffff::2')).toBe('RATE_LIMITED');
    expect(await tried('2001:db8:0:1::1')).toBe('UNAUTHORIZED');
    expect(await tried('::ffff:192.0.2.1')).toBe('UNAUTHORIZED');
    expect(await tried('192.0.2.1')).toBe('RATE_LIMITED');
    expect(await tried('192.0.2.2')).toBe('UNAUTHORIZED');
  });

  it('are forgotten with the first that succeeds', async () => {
    const limit = limitOf(2);
    for (let i = 0; i < 10; i++) {
      expect(await codeOf(limit.guard(from('a'), undefined, wrong))).toBe('UNAUTHORIZED');
      expect(await codeOf(limit.guard(from('a'), undefined, right))).toBe('right');
    }
  });

  it('under one key id are counted from everywhere, and do not keep its holder out', async () => {
    const limit = limitOf(2);
    const codes: string[] = [];
    for (let i = 0; i < 4; i++) codes.push(await codeOf(limit.guard(from(`a${i}`), apiKey, wrong)));
    expect(codes).toEqual(['UNAUTHORIZED', 'UNAUTHORIZED', 'RATE_LIMITED', 'RATE_LIMITED']);
    expect(await codeOf(limit.guard(from('home'), apiKey, right))).toBe('right');
  });

  it.each<TokenFault>(['expired', 'not_yet_valid', 'revoked', 'issuer', 'audience', 'claims', 'wrong_type'])(
    'with a token that was issued, but is %s, are no guesses',
    async (fault) => {
      const limit = limitOf(1);
      const once = () => Promise.reject(new RefusedCredential('no', 'token_invalid', fault));
      for (let i = 0; i < 5; i++) {
        expect(await codeOf(limit.guard(from('a'), undefined, once))).toBe('UNAUTHORIZED');
      }
    },
  );

  it.each<TokenFault>(['malformed', 'signature', 'algorithm', 'unknown_key'])(
    'with a token that nobody has issued (%s) are guesses',
    async (fault) => {
      const limit = limitOf(1);
      const forged = () => Promise.reject(new RefusedCredential('no', 'token_invalid', fault));
      await codeOf(limit.guard(from('a'), undefined, forged));
      expect(await codeOf(limit.guard(from('a'), undefined, forged))).toBe('RATE_LIMITED');
    },
  );

  it('without a credential, or that went wrong on our side, are none', async () => {
    const limit = limitOf(1);
    const missing = () => Promise.reject(new RefusedCredential('who?', 'credentials_missing', 'missing'));
    const broken = () => Promise.reject(new ConclaveError('INTERNAL_ERROR', 'away'));
    for (let i = 0; i < 5; i++) {
      expect(await codeOf(limit.guard(from('a'), undefined, missing))).toBe('UNAUTHORIZED');
      expect(await codeOf(limit.guard(from('a'), 'not.a.token', broken))).toBe('INTERNAL_ERROR');
    }
  });

  it('that are refused say when to come again, in the shape of their path', async () => {
    const limit = limitOf(1);
    const gateway = { address: 'a', paths: 'gateway' as const };
    await codeOf(limit.guard(gateway, undefined, wrong));
    const error: unknown = await limit.guard(gateway, undefined, wrong).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(GatewayError);
    expect(error).toMatchObject({ code: 'AUTH_RATE_LIMITED', status: 429 });
    expect((error as GatewayError).options.retryAfterSeconds).toBeGreaterThan(200);
  });
});
