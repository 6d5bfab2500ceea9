import { ConclaveError, GatewayError } from '../../../src/contract/errors';
import { newApiKey } from '../../../src/security/api-key';
import { AttemptLimit } from '../../../src/security/attempt-limit';

const wrong = () =>
  Promise.reject(new ConclaveError('UNAUTHORIZED', 'wrong', { detail: 'unknown_credential' }));
const right = () => Promise.resolve('right');
const from = (address: string) => ({ address, paths: 'orchestration' as const });
const limitOf = (max: number) => new AttemptLimit({ max, window_seconds: 60, block_seconds: 300 });
const codeOf = (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(String, (error: unknown) => (error as ConclaveError).code);
const { apiKey } = newApiKey();

describe('Attempts [A8]', () => {
  it('of an address that has failed too often are not listened to', async () => {
    const limit = limitOf(2);
    const codes: string[] = [];
    for (let i = 0; i < 4; i++) codes.push(await codeOf(limit.guard(from('a'), undefined, wrong)));
    expect(codes).toEqual(['UNAUTHORIZED', 'UNAUTHORIZED', 'RATE_LIMITED', 'RATE_LIMITED']);
    const attempt = jest.fn(right);
    expect(await codeOf(limit.guard(from('a'), undefined, attempt))).toBe('RATE_LIMITED');
    expect(attempt).not.toHaveBeenCalled();
    expect(await codeOf(limit.guard(from('b'), undefined, right))).toBe('right');
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

  it('without a credential, or that went wrong on our side, are none', async () => {
    const limit = limitOf(1);
    const missing = () =>
      Promise.reject(new ConclaveError('UNAUTHORIZED', 'who?', { detail: 'credentials_missing' }));
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
