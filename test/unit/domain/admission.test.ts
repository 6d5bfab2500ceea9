import {
  allowedWait,
  hasRoom,
  type Line,
  neverTurnedAway,
  nextRate,
  retryAfterSeconds,
  type Stretch,
} from '../../../src/domain/admission';

const line = (overrides: Partial<Line> = {}): Line => ({
  ahead: 0,
  ofTenant: 0,
  perSecond: 1000,
  cap: 1000,
  ...overrides,
});
const stretch = (overrides: Partial<Stretch> = {}): Stretch => ({
  ms: 500,
  served: 0,
  pressed: false,
  turnedAway: false,
  ...overrides,
});

/** How many of one tenant get in, one after the other. */
function lettingIn(fixed: Partial<Line>, priority: 'critical' | 'high' | 'normal' | 'low', waitMs: number) {
  let ahead = 0;
  while (ahead < 10_000 && hasRoom(line({ ...fixed, ahead, ofTenant: ahead }), priority, waitMs)) ahead++;
  return ahead;
}

describe('a wait is allowed', () => {
  it('for half of what the service itself leaves of the budget', () => {
    expect(allowedWait(1500, 100)).toBe(700);
    expect(allowedWait(1500, 1400)).toBe(50);
  });

  it('for no time when the service itself takes longer', () => {
    expect(allowedWait(500, 600)).toBe(0);
  });
});

describe('the gate', () => {
  it('lets in as many as the measured rate can serve in the allowed time', () => {
    expect(hasRoom(line({ ahead: 199, perSecond: 200 }), 'high', 1000)).toBe(true);
    expect(hasRoom(line({ ahead: 200, perSecond: 200 }), 'high', 1000)).toBe(false);
  });

  it('turns nobody away from a short line, however slow it was and however little time there is', () => {
    expect(hasRoom(line({ ahead: neverTurnedAway - 1, perSecond: 1 }), 'low', 0)).toBe(true);
    expect(hasRoom(line({ ahead: neverTurnedAway, perSecond: 1 }), 'low', 0)).toBe(false);
  });

  it('never holds more than its cap, whatever was measured', () => {
    expect(hasRoom(line({ ahead: 3, cap: 4 }), 'critical', 60_000)).toBe(true);
    expect(hasRoom(line({ ahead: 4, cap: 4 }), 'critical', 60_000)).toBe(false);
  });

  it('keeps room for the more urgent', () => {
    const full = (ahead: number) => line({ ahead, perSecond: 1000 });
    expect(hasRoom(full(700), 'low', 1000)).toBe(false);
    expect(hasRoom(full(700), 'normal', 1000)).toBe(true);
    expect(hasRoom(full(850), 'normal', 1000)).toBe(false);
    expect(hasRoom(full(850), 'high', 1000)).toBe(true);
    expect(hasRoom(full(850), 'critical', 1000)).toBe(true);
  });

  it('leaves a fifth of the line to others when a tenant is alone in it', () => {
    expect(lettingIn({}, 'high', 1000)).toBe(800);
    expect(hasRoom(line({ ahead: 800, ofTenant: 800 }), 'high', 1000)).toBe(false);
    expect(hasRoom(line({ ahead: 800, ofTenant: 0 }), 'high', 1000)).toBe(true);
  });

  it('shares the line evenly between two tenants who both want all of it', () => {
    const inside = { a: 0, b: 0 };
    for (let turn = 0; turn < 2000; turn++) {
      for (const tenant of ['a', 'a', 'a', 'b'] as const) {
        const seen = line({ ahead: inside.a + inside.b, ofTenant: inside[tenant] });
        if (hasRoom(seen, 'high', 1000)) inside[tenant]++;
      }
      // The line serves who has most, as one would who came first.
      inside[inside.a > inside.b ? 'a' : 'b']--;
    }
    expect(inside.a).toBeGreaterThan(400);
    expect(inside.b).toBeGreaterThan(400);
  });
});

describe('the measured rate', () => {
  it('follows what is seen under pressure, down and up', () => {
    expect(nextRate(1000, stretch({ served: 100, pressed: true }))).toBe(760);
    expect(nextRate(100, stretch({ served: 500, pressed: true }))).toBe(370);
  });

  it('settles at what the line serves', () => {
    let rate = 1000;
    for (let n = 0; n < 30; n++) rate = nextRate(rate, stretch({ served: 50, pressed: true }));
    expect(rate).toBeCloseTo(100, 0);
  });

  it('is not lowered by a lack of work', () => {
    expect(nextRate(1000, stretch({ served: 1 }))).toBe(1000);
    expect(nextRate(1000, stretch({ served: 0, turnedAway: true }))).toBe(1000);
  });

  it('is raised at once by more than it says', () => {
    expect(nextRate(100, stretch({ served: 100 }))).toBe(200);
  });

  it('is raised step by step where it keeps members out without need', () => {
    expect(nextRate(100, stretch({ served: 45, turnedAway: true }))).toBe(125);
  });

  it('never comes to nothing', () => {
    let rate = 1000;
    for (let n = 0; n < 100; n++) rate = nextRate(rate, stretch({ pressed: true }));
    expect(rate).toBe(1);
  });
});

describe('Retry-After', () => {
  it.each([
    [0, 1000, 1],
    [1500, 1000, 2],
    [100, 10, 10],
    [5000, 1, 30],
  ])('for %i before a door that takes %i a second is %i', (crowd, perSecond, seconds) => {
    expect(retryAfterSeconds(crowd, perSecond)).toBe(seconds);
  });
});
