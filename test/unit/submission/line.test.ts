import { neverTurnedAway } from '../../../src/domain/admission';
import { Line } from '../../../src/submission/line';

let clock = 0;
const now = () => clock;
beforeEach(() => (clock = 0));

const lineOf = (perSecond = 1000, cap = 1000) => new Line({ perSecond, cap }, now);
const enter = (line: Line, howMany: number, tenant = 'a', allowedMs = 1000) =>
  Array.from({ length: howMany }, () => line.enter(tenant, 'high', allowedMs));

describe('a line', () => {
  it('knows who is inside, and forgets whoever left; leaving twice is leaving once', () => {
    const line = lineOf();
    const [one, other] = enter(line, 2);
    expect(line.inside).toBe(2);
    one!.served(10);
    one!.gone(10);
    expect(line.inside).toBe(1);
    other!.gone(10);
    expect(line.inside).toBe(0);
  });

  it('counts for a newcomer only those who are not less urgent', () => {
    const line = lineOf(100);
    for (let n = 0; n < 90; n++) line.enter('a', 'normal', 1000);
    expect(line.hasRoom('b', 'normal', 1000)).toBe(false);
    expect(line.hasRoom('b', 'low', 1000)).toBe(false);
    expect(line.hasRoom('b', 'high', 1000)).toBe(true);
  });

  it('keeps a tenant from taking what others may need', () => {
    const line = lineOf(100);
    enter(line, 80, 'noisy');
    expect(line.hasRoom('noisy', 'high', 1000)).toBe(false);
    expect(line.hasRoom('quiet', 'high', 1000)).toBe(true);
  });

  it('learns under pressure how few it can serve, and then lets in no more than that', () => {
    const line = lineOf();
    const inside = enter(line, 400);
    for (let stretch = 0; stretch < 20; stretch++) {
      clock += 500;
      for (const place of inside.splice(0, 50)) place.served(900);
      inside.push(...enter(line, 50));
    }
    expect(line.perSecond).toBeGreaterThan(95);
    expect(line.perSecond).toBeLessThan(110);
    expect(line.pressed).toBe(true);
    expect(line.hasRoom('b', 'high', 1000)).toBe(false);
  });

  it('is not pressed by members who hardly wait, however few they are', () => {
    const line = lineOf();
    for (let n = 0; n < 20; n++) {
      const [one] = enter(line, 1);
      clock += 400;
      one!.served(100);
    }
    expect(line.pressed).toBe(false);
    expect(line.perSecond).toBe(1000);
  });

  it('learns nothing from a silence', () => {
    const line = lineOf();
    const [hung] = enter(line, 1);
    clock += 60_000;
    hung!.served(60_000);
    expect([line.perSecond, line.pressed]).toEqual([1000, false]);
  });

  it('stays pressed while it is full and nobody gets out', () => {
    const line = lineOf();
    const inside = enter(line, neverTurnedAway + 2);
    clock += 600;
    inside.pop()!.served(1000);
    clock += 600;
    expect(line.pressed).toBe(true);
    for (const place of inside) place.gone(2000);
    clock += 5000;
    expect(line.pressed).toBe(false);
  });

  it('finds out by itself when it keeps members out without need', () => {
    const line = lineOf(40);
    for (let stretch = 0; stretch < 10; stretch++) {
      for (const place of enter(line, 20)) place.served(1);
      line.turnAway();
      clock += 500;
    }
    expect(line.hasRoom('b', 'high', 1000)).toBe(true);
    expect(line.perSecond).toBeGreaterThan(40);
  });

  it('asks those whom it turned away to come again when all could have been served', () => {
    const line = lineOf(10);
    enter(line, 15);
    for (let n = 0; n < 15; n++) line.turnAway();
    expect(line.retryAfterSeconds()).toBe(3);
  });
});
