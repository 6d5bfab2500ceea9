import { CredentialVerdicts } from '../../../src/detectors/credential-verdicts';

describe('CredentialVerdicts', () => {
  it.each([401, 403, 407])('remembers %i of a server until it says something else', (status) => {
    const verdicts = new CredentialVerdicts();
    verdicts.note('http://127.0.0.1:1/health', status);
    expect(verdicts.areRefusedAt('http://127.0.0.1:1/call')).toBe(true);
    expect(verdicts.areRefusedAt('http://127.0.0.1:2/call')).toBe(false);
    verdicts.note('http://127.0.0.1:1/call', 503);
    expect(verdicts.areRefusedAt('http://127.0.0.1:1/call')).toBe(false);
  });

  it('knows nothing of what is no address', () => {
    expect(new CredentialVerdicts().areRefusedAt('builtin:pii')).toBe(false);
  });
});
