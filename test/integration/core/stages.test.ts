import { after, type Behavior, findings, flags, hangs, held, status } from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import { System } from '../../support/system';

const four = ['north', 'east', 'south', 'west'];
const crowd = Array.from({ length: 14 }, (_, index) => `crowd-${String(index + 1).padStart(2, '0')}`);
const inChain = ['first', 'beside', 'second', 'third'];
const bundleOf = (required_detectors: readonly string[]) => ({
  policy: { required_detectors: [...required_detectors] },
});

describe('Detectors run in groups', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      parts: ['api'],
      env: patience,
      detectors: [
        ...four,
        ...crowd,
        'first',
        'beside',
        { name: 'second', depends_on: ['first'] },
        { name: 'third', depends_on: ['second'] },
        { name: 'brisk', timeout_ms: 100, max_retries: 0 },
        { name: 'unhurried', timeout_ms: 5000, max_retries: 0 },
      ],
      policies: {
        'demo/four': bundleOf(four),
        'demo/crowd': bundleOf(crowd),
        'demo/chain': bundleOf(inChain),
        'demo/leaf': bundleOf(['third']),
        'demo/paces': bundleOf(['brisk', 'unhurried']),
      },
    });
    // The first request pays for what a process does once.
    await system.orchestrate({ policy_bundle: 'paces' });
  });
  beforeEach(() => system.detectors.reset());
  afterAll(() => system?.stop());

  /** Writes down when a detector is asked and when it answers. */
  function noting(events: string[], then: Behavior): Behavior {
    return async (call, response) => {
      events.push(`${call.detector} asked`);
      response.once('finish', () => events.push(`${call.detector} answered`));
      await then(call, response);
    };
  }

  const statuses = (results: readonly { detector: string; status: string; error: string | null }[]) =>
    Object.fromEntries(results.map(({ detector, status: is, error }) => [detector, error ?? is]));

  it('four detectors of 300 ms each finish in well under 1 s [6]', async () => {
    for (const name of four) system.detectors.behave(name, after(300, flags(name, 0.9)));
    const { status: code, body } = await system.orchestrate({ policy_bundle: 'four' });
    expect(code).toBe(200);
    expect(body.detectors_succeeded).toBe(4);
    expect(body.total_processing_time_ms).toBeGreaterThanOrEqual(295);
    expect(body.total_processing_time_ms).toBeLessThan(1000);
  });

  it('all of one group are asked before any has answered [6]', async () => {
    const gate = held(findings());
    for (const name of four) system.detectors.behave(name, gate.behavior);
    const answer = system.orchestrate({ policy_bundle: 'four' });
    await Promise.all(four.map((name) => system.detectors.called(name)));
    gate.release();
    expect((await answer).status).toBe(200);
  });

  it('a group starts when the one before it is done, and results stand in plan order [6.1]', async () => {
    const events: string[] = [];
    for (const name of inChain) {
      system.detectors.behave(name, noting(events, name === 'beside' ? after(100, findings()) : findings()));
    }
    const { status: code, body } = await system.orchestrate({ policy_bundle: 'chain' });
    expect(code).toBe(200);
    expect(body.detector_results.map(({ detector }) => detector)).toEqual([
      'beside',
      'first',
      'second',
      'third',
    ]);
    expect(events.slice(0, 2).toSorted()).toEqual(['beside asked', 'first asked']);
    expect(events.slice(2, 4).toSorted()).toEqual(['beside answered', 'first answered']);
    expect(events.slice(4)).toEqual(['second asked', 'second answered', 'third asked', 'third answered']);
  });

  it('a dependency that nobody required is asked as well [6.1]', async () => {
    const { status: code, body } = await system.orchestrate({ policy_bundle: 'leaf' });
    expect(code).toBe(200);
    expect(statuses(body.detector_results)).toEqual({
      first: 'success',
      second: 'success',
      third: 'success',
    });
    expect(body.coverage_achieved).toBe(1);
  });

  it('dependents are skipped, all the way down, when a predecessor fails [6.1]', async () => {
    system.detectors.behave('first', status(400));
    const { status: code, body } = await system.orchestrate({ policy_bundle: 'chain' });
    expect(code).toBe(206);
    expect(statuses(body.detector_results)).toEqual({
      beside: 'success',
      first: 'http_4xx: the detector answered 400',
      second: 'dependency_failed',
      third: 'dependency_failed',
    });
    expect(body.detector_results.filter((result) => result.status === 'skipped')).toHaveLength(2);
    expect(body).toMatchObject({ detectors_attempted: 2, detectors_succeeded: 1, detectors_failed: 1 });
    expect(body.coverage_achieved).toBe(0.25);
    expect(system.detectors.callsOf('second')).toHaveLength(0);
    expect(system.detectors.callsOf('third')).toHaveLength(0);
  });

  it('dependents of an excluded detector are skipped [6.1]', async () => {
    const { body } = await system.orchestrate({
      policy_bundle: 'chain',
      excluded_detectors: ['first'],
    });
    expect(statuses(body.detector_results)).toEqual({
      beside: 'success',
      first: 'excluded_by_request',
      second: 'dependency_failed',
      third: 'dependency_failed',
    });
  });

  it('each detector has a timeout of its own [6.1]', async () => {
    system.detectors.behave('brisk', hangs);
    system.detectors.behave('unhurried', after(300, findings()));
    const { status: code, body } = await system.orchestrate({ policy_bundle: 'paces' });
    expect(code).toBe(206);
    const [brisk, unhurried] = body.detector_results;
    expect(brisk).toMatchObject({ detector: 'brisk', status: 'timeout' });
    expect(brisk!.error).toMatch(/^attempt_timeout\b/);
    // Its 100 ms, by timers that may be a little early.
    expect(brisk!.processing_time_ms).toBeGreaterThanOrEqual(95);
    expect(brisk!.processing_time_ms).toBeLessThan(300);
    expect(unhurried).toMatchObject({ detector: 'unhurried', status: 'success' });
    expect(unhurried!.processing_time_ms).toBeGreaterThanOrEqual(295);
  });

  it('never more than 10 are asked at once: the others queue [6.1]', async () => {
    const releases: (() => void)[] = [];
    let inFlight = 0;
    let most = 0;
    for (const name of crowd) {
      const gate = held((call, response) => {
        inFlight--;
        return findings()(call, response);
      });
      system.detectors.behave(name, (call, response) => {
        most = Math.max(most, ++inFlight);
        releases.push(gate.release);
        return gate.behavior(call, response);
      });
    }
    const answer = system.orchestrate({ policy_bundle: 'crowd' });
    await Promise.all(crowd.slice(0, 10).map((name) => system.detectors.called(name)));
    for (const name of crowd.slice(10)) {
      expect(system.detectors.callsOf(name)).toHaveLength(0);
      releases.shift()!();
      await system.detectors.called(name);
    }
    for (const release of releases) release();
    const { status: code, body } = await answer;
    expect(code).toBe(200);
    expect(body.detectors_succeeded).toBe(14);
    expect(most).toBe(10);
    expect(system.detectors.calls).toHaveLength(14);
  });
});
