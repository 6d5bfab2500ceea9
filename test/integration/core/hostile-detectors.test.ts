import { orchestrationResponseSchema } from '../../../src/contract/answer';
import { type Behavior, breaksOff, drips, findings, flags, floods, raw } from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import { System } from '../../support/system';

const finding = (fields: object) => ({ start: 0, end: 1, detection: 'x', score: 0.9, ...fields });
const flood = floods();

const hostile: Readonly<Record<string, readonly [Behavior, string]>> = {
  html: [raw('<html>', 'text/html'), 'failed: invalid_response'],
  drip: [drips(1000), 'timeout: attempt_timeout'],
  flood: [flood.behavior, 'failed: invalid_response'],
  'cut-off': [breaksOff, 'failed: network_error'],
  nan: [raw('[[{"start":0,"end":1,"detection":"x","score":NaN}]]'), 'failed: invalid_response'],
  'out-of-range': [raw(JSON.stringify([[finding({ end: 5000 })]])), 'failed: invalid_response'],
  'too-many': [raw('[[],[]]'), 'failed: invalid_response'],
  'not-utf8': [raw(Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d])), 'failed: invalid_response'],
};

describe('Detectors that answer as no detector should', () => {
  let system: System;
  const names = Object.keys(hostile);
  beforeAll(async () => {
    system = await System.start({
      parts: ['api'],
      detectors: [{ name: 'sound' }, ...names.map((name) => ({ name, timeout_ms: 500, max_retries: 0 }))],
      policies: { 'demo/beset': { policy: { required_detectors: ['sound', ...names] } } },
      env: patience,
    });
    await system.orchestrate({ policy_bundle: 'beset' });
  });
  afterAll(() => system?.stop());

  it('cost coverage and nothing else: each fails by name, and the answer leaves in time', async () => {
    system.detectors.reset();
    system.detectors.behave('sound', flags('toxic', 0.9));
    for (const [name, [behavior]] of Object.entries(hostile)) system.detectors.behave(name, behavior);
    const answer = await system.orchestrate({ policy_bundle: 'beset', content: 'somebody attacks' });
    const body = orchestrationResponseSchema.parse(answer.body);
    expect([answer.status, body.error_code]).toEqual([206, 'PARTIAL_COVERAGE']);
    const outcomes = body.detector_results.map(({ detector, status, error }) => [
      detector,
      `${status}: ${error?.split(':')[0]}`,
    ]);
    expect(Object.fromEntries(outcomes)).toEqual({
      sound: 'success: undefined',
      ...Object.fromEntries(Object.entries(hostile).map(([name, [, outcome]]) => [name, outcome])),
    });
    expect(body.coverage_achieved).toBeCloseTo(1 / (names.length + 1));
    expect(body.aggregated_payload).toMatchObject({ output: 'toxic' });
    // It never ends by itself: more than this would have had to be kept somewhere.
    expect(flood.written()).toBeLessThan(32 * 1024 * 1024);
    system.detectors.behave('flood', findings());
  });
});
