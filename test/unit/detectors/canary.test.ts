import { type DetectorRegistration, detectorRegistrationSchema } from '../../../src/contract/registration';
import { builtinDetectors } from '../../../src/detectors/builtin/catalog';
import { defaultCanary } from '../../../src/detectors/canary-samples';
import { tryCanary } from '../../../src/detectors/canary';
import { DetectorCaller } from '../../../src/detectors/detector-caller';
import { closes, findings, flags, hangs, raw, status } from '../../support/fake-detectors';
import { upstream } from './adapter-support';

describe('tryCanary', () => {
  const { server: fake, http } = upstream();
  const caller = new DetectorCaller(http);

  const detector = (rest: object = {}): DetectorRegistration =>
    detectorRegistrationSchema.parse({ name: 'd', detector_type: 'toxicity', endpoint: fake.url, ...rest });
  const reasonFor = async (rest: object = {}) => (await tryCanary(caller, detector(rest))).reason;

  it('is content with a detector that flags the sample of its kind', async () => {
    fake.behave('d', flags('toxic', 0.9));
    expect(await reasonFor()).toBeNull();
    expect(fake.callsOf('d')[0]!.contents[0]).toContain('I hate you');
  });

  it('is not content with one that calls everything clean', async () => {
    expect(await reasonFor()).toBe('it said clean of a sample that it must flag');
  });

  it('takes the sample and the labels that the registration names', async () => {
    const canary = { content: 'buy ACME shares', expect: ['competitor'] };
    fake.behave('d', flags('competitor', 0.9));
    expect(await reasonFor({ canary })).toBeNull();
    expect(fake.callsOf('d')[0]!.contents).toEqual(['buy ACME shares']);
    fake.behave('d', flags('other', 0.9));
    expect(await reasonFor({ canary })).toBe('it did not find competitor in its canary; it said other');
  });

  it('asks of a detector of an unknown kind only that it answers soundly', async () => {
    expect(await reasonFor({ detector_type: 'novelty' })).toBeNull();
    fake.behave('d', raw('<html>', 'text/html'));
    expect(await reasonFor({ detector_type: 'novelty' })).toMatch(
      /^a sample could not be judged: invalid_response/,
    );
  });

  it('does not try what judges images only', async () => {
    fake.behave('d', status(500));
    expect(await reasonFor({ capabilities: { supported_content_types: ['image'] } })).toBeNull();
    expect(fake.calls).toEqual([]);
  });

  it.each([
    ['refuses us', status(401), /http_4xx: the detector answered 401/],
    ['breaks down', status(500), /http_5xx/],
    ['hangs up', closes, /network_error/],
  ])('names the reason when it %s', async (_what, behavior, reason) => {
    fake.behave('d', behavior);
    expect(await reasonFor()).toMatch(reason);
  });

  it('waits no longer than the detector has per attempt', async () => {
    fake.behave('d', hangs);
    expect(await reasonFor({ timeout_ms: 100 })).toBe('it did not answer a sample in time');
  });

  it('names a secret that is not there, and calls nobody', async () => {
    fake.behave('d', findings());
    const auth = { auth_type: 'bearer_token', auth_config: { secret_ref: 'env:NO_SUCH_SECRET_7' } };
    expect(await reasonFor(auth)).toMatch(/http_4xx: the credentials for the detector cannot be had/);
    expect(fake.calls).toEqual([]);
  });

  it.each(['pii', 'secrets', 'toxicity', 'prompt-injection', 'dangerous-code'])(
    'has a sample for its kind that the builtin detector %s flags',
    async (name) => {
      const sample = defaultCanary({ name, capabilities: { taxonomy_categories: [] } });
      expect(await builtinDetectors.get(name)!.detect(sample!)).not.toEqual([]);
    },
  );
});
