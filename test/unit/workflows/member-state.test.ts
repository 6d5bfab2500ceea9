import { mostContent } from '../../../src/domain/long-content';
import { MemberState } from '../../../src/workflows/member-state';
import { failure, planned, planOf, success } from '../domain/support';
import { memberOf } from './samples';

const tokensOf = (state: MemberState) =>
  Object.fromEntries(state.results.map(({ detector, error }) => [detector, error]));

describe('MemberState', () => {
  it('begins with what the plan skips and what an earlier run found', () => {
    const plan = planOf([planned('a'), planned('b')], {
      skipped: [{ detector: 'off', reason: 'disabled' }],
    });
    const state = new MemberState(memberOf('r', { prior_results: [success('b', 'clean')] }), plan);
    expect(tokensOf(state)).toEqual({ b: null, off: 'disabled' });
    expect(state.hasSuccess).toBe(true);
    expect(plan.detectors.filter((detector) => state.wants(detector)).map(({ name }) => name)).toEqual(['a']);
  });

  it('lists results in the order of the plan, whichever came first', () => {
    const plan = planOf([planned('a'), planned('b')], {
      skipped: [{ detector: 'off', reason: 'disabled' }],
    });
    const state = new MemberState(memberOf('r'), plan);
    state.record(success('b', 'clean'));
    state.record(success('a', 'clean'));
    expect(state.results.map(({ detector }) => detector)).toEqual(['a', 'b', 'off']);
  });

  it('asks no detector for content that is too long for it, the others as ever', () => {
    const [small, large] = [
      planned('small', { max_content_length: 19 }),
      planned('large', { max_content_length: 20 }),
    ];
    const state = new MemberState(memberOf('r', { content_length: 20 }), planOf([small, large]));
    expect([state.wants(small), state.wants(large)]).toEqual([false, true]);
    expect(tokensOf(state)).toEqual({ small: 'content_too_long' });
    expect(state.results[0]?.status).toBe('skipped');
  });

  it('asks one that takes content in parts for more, up to its bound', () => {
    const parted = planned('parted', { max_content_length: 10, long_content: 'split' });
    const most = mostContent(parted);
    const of = (length: number) =>
      new MemberState(memberOf('r', { content_length: length }), planOf([parted]));
    expect(most).toBeGreaterThan(400);
    expect(of(most).wants(parted)).toBe(true);
    expect(tokensOf(of(most + 1))).toEqual({ parted: 'content_too_long' });
  });

  it('calls nothing where nothing available can add coverage', () => {
    const [dead, other] = [planned('dead'), planned('other', { role: 'secondary' })];
    const plan = planOf([dead, other]);
    const state = new MemberState(memberOf('r', { health_status: { dead: false, other: true } }), plan);
    // What was unavailable is left for its own result, what was not is not worth its call.
    expect(tokensOf(state)).toEqual({ other: 'dependency_failed' });
    expect(state.wants(other)).toBe(false);
  });

  it('asks on where an earlier run has covered something, however unhealthy it is now', () => {
    const [a, b] = [planned('a'), planned('b')];
    const member = memberOf('r', {
      health_status: { a: false, b: false },
      prior_results: [success('a', 'toxic')],
    });
    const state = new MemberState(member, planOf([a, b]));
    expect(state.wants(b)).toBe(true);
  });

  it('skips a detector whose predecessor failed or is missing, and asks one whose predecessor succeeded', () => {
    const [first, second, third] = [
      planned('first'),
      planned('second', { depends_on: ['first'] }),
      planned('third', { depends_on: ['first', 'second'] }),
    ];
    const state = new MemberState(memberOf('r'), planOf([first, second, third]));
    state.record(success('first', 'clean'));
    expect(state.wants(second)).toBe(true);
    state.record(failure('second', 'http_5xx'));
    expect(state.wants(third)).toBe(false);
    expect(tokensOf(state)).toEqual({ first: null, second: 'http_5xx', third: 'dependency_failed' });
  });

  it('wants nothing once cancelled, and marks the primaries that had not answered', () => {
    const [a, b, spare] = [planned('a'), planned('b'), planned('spare', { role: 'secondary' })];
    const state = new MemberState(memberOf('r'), planOf([a, b, spare]));
    state.record(success('a', 'toxic'));
    state.cancelUnfinished();
    expect(state.cancelled).toBe(true);
    expect(tokensOf(state)).toEqual({ a: null, b: 'cancelled' });
    expect(state.wants(spare)).toBe(false);
    // Not even a skip is noted for one that was never due.
    expect(state.results).toHaveLength(2);
  });
});
