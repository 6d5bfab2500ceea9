import { assign, setup, transition } from 'xstate';
import type { Breaker, BreakerTransition } from '../contract/breaker';
import {
  type BreakerEvent,
  type BreakerSettings,
  hasRecovered,
  initialBreaker,
  opensWith,
  trialsInFlight,
  windowWith,
} from './breaker';

type Facts = Omit<Breaker, 'state'>;
type Happening = BreakerEvent & { readonly settings: BreakerSettings };
type Outcome = Extract<Happening, { type: 'success' | 'failure' | 'neutral' }>;

interface Moment {
  readonly context: Facts;
  readonly event: Happening;
}

const { state: _closed, ...initialFacts } = initialBreaker;

/** Entering a state: nothing is left of the one before but the epoch, and how often it has reopened. */
const entered = ({ context, event }: Moment): Facts => ({
  ...initialFacts,
  epoch: context.epoch + 1,
  since: event.at,
  reopenings: context.reopenings,
});

const outcomeOf = (event: Happening) => event as Outcome;

/** As in the store: what was recorded against a state that is over does not count. */
const isOfThisEpoch = ({ context, event }: Moment) => outcomeOf(event).epoch === context.epoch;

const types = {} as { readonly context: Facts; readonly events: Happening };

/** spec/gateway.md 6: closed → open → half_open → closed or open. Time is in the events, so it never moves by itself. */
const machine = setup({
  types,
  guards: {
    counts: isOfThisEpoch,
    opens: ({ context, event }) =>
      isOfThisEpoch({ context, event }) &&
      opensWith({ state: 'closed', ...context }, outcomeOf(event), event.settings),
    closes: ({ context, event }) =>
      isOfThisEpoch({ context, event }) &&
      context.successes + outcomeOf(event).count >= event.settings.half_open_successes,
    recovered: ({ context, event }) => hasRecovered({ state: 'open', ...context }, event.at, event.settings),
    tripsOnHealth: ({ event }) => event.settings.trip_on_unhealthy,
    resetsOnHealth: ({ context, event }) => event.settings.reset_on_healthy && !context.manual,
  },
  actions: {
    close: assign((moment) => ({ ...entered(moment), reopenings: 0 })),
    open: assign((moment) => ({ ...entered(moment), reopenings: 0 })),
    reopen: assign((moment) => ({ ...entered(moment), reopenings: moment.context.reopenings + 1 })),
    trip: assign((moment) => ({ ...entered(moment), reopenings: 0, manual: true })),
    halfOpen: assign((moment) => ({ ...entered(moment), trials: 1, last_trial_at: moment.event.at })),
    count: assign(({ context, event }) => {
      const outcome = outcomeOf(event);
      return {
        failures: outcome.type === 'failure' ? context.failures + outcome.count : 0,
        window:
          event.settings.window_type === 'sliding'
            ? windowWith({ state: 'closed', ...context }, outcome, event.settings)
            : [],
      };
    }),
    tryOne: assign(({ context, event }) => ({
      trials: trialsInFlight({ state: 'half_open', ...context }, event.at, event.settings) + 1,
      last_trial_at: event.at,
    })),
    succeed: assign(({ context, event }) => ({
      trials: Math.max(0, context.trials - outcomeOf(event).count),
      successes: context.successes + outcomeOf(event).count,
    })),
    giveBack: assign(({ context, event }) => ({
      trials: Math.max(0, context.trials - outcomeOf(event).count),
    })),
  },
}).createMachine({
  initial: 'closed',
  context: initialFacts,
  on: {
    reset: { target: '.closed', actions: 'close' },
    trip: { target: '.open', actions: 'trip' },
  },
  states: {
    closed: {
      on: {
        success: [
          { guard: 'opens', target: 'open', actions: 'open' },
          { guard: 'counts', actions: 'count' },
        ],
        failure: [
          { guard: 'opens', target: 'open', actions: 'open' },
          { guard: 'counts', actions: 'count' },
        ],
        unhealthy: { guard: 'tripsOnHealth', target: 'open', actions: 'open' },
      },
    },
    open: {
      on: {
        trial: { guard: 'recovered', target: 'half_open', actions: 'halfOpen' },
        healthy: { guard: 'resetsOnHealth', target: 'closed', actions: 'close' },
      },
    },
    half_open: {
      on: {
        trial: { actions: 'tryOne' },
        success: [
          { guard: 'closes', target: 'closed', actions: 'close' },
          { guard: 'counts', actions: 'succeed' },
        ],
        failure: { guard: 'counts', target: 'open', actions: 'reopen' },
        neutral: { guard: 'counts', actions: 'giveBack' },
        healthy: { guard: 'resetsOnHealth', target: 'closed', actions: 'close' },
        unhealthy: { guard: 'tripsOnHealth', target: 'open', actions: 'reopen' },
      },
    },
  },
});

/** The breaker after an event: the same one when nothing has changed. */
export function breakerAfter(breaker: Breaker, event: BreakerEvent, settings: BreakerSettings): Breaker {
  const { state, ...context } = breaker;
  const before = machine.resolveState({ value: state, context });
  const [after] = transition(machine, before, { ...event, settings });
  if (after.context === before.context) return breaker;
  return { state: after.value, ...after.context };
}

/** The breaker after all of these, and how it got there. */
export function breakerAfterAll(
  breaker: Breaker,
  events: readonly BreakerEvent[],
  settings: BreakerSettings,
): { readonly breaker: Breaker; readonly transitions: readonly BreakerTransition[] } {
  const transitions: BreakerTransition[] = [];
  let last = breaker;
  for (const event of events) {
    const next = breakerAfter(last, event, settings);
    if (next.state !== last.state) {
      transitions.push({ from: last.state, to: next.state, at: event.at, reason: reasonOf(last, event) });
    }
    last = next;
  }
  return { breaker: last, transitions };
}

function reasonOf({ state }: Breaker, { type }: BreakerEvent): BreakerTransition['reason'] {
  switch (type) {
    case 'reset':
    case 'trip':
      return type;
    case 'healthy':
    case 'unhealthy':
      return 'health';
    case 'trial':
      return 'recovery_time';
    case 'success':
      return state === 'half_open' ? 'trials_succeeded' : 'failures';
    case 'failure':
      return state === 'half_open' ? 'trial_failed' : 'failures';
    case 'neutral':
      return 'failures';
  }
}
