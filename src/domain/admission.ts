import type { Priority } from '../contract/enums';

/** A line of members who wait to be served, as a newcomer of one priority and tenant finds it. */
export interface Line {
  /** Members inside who are served before the newcomer or along with it. */
  readonly ahead: number;
  /** Those of `ahead` who are of the newcomer's tenant. */
  readonly ofTenant: number;
  /** Measured: how many members the line can serve in a second. */
  readonly perSecond: number;
  /** Never more inside than this, whatever was measured. */
  readonly cap: number;
}

/** So few are no load: they are let in whatever was measured, so that a line that was slow once can show that it recovered. */
export const neverTurnedAway = 16;
/** Of the room that is left a tenant may hold so many times as much: alone 4/5 of the line, two of them 4/9 each. */
const tenantShare = 4;
/** Of the time that an answer may take, how much may be planned for: the rest absorbs what the estimate misses. */
const plannedShare = 0.5;
/** The more urgent find room when the line is closed to the others. */
const headroom: Readonly<Record<Priority, number>> = { critical: 1, high: 1, normal: 0.85, low: 0.7 };

/** Milliseconds that a request may wait in line, so that it is answered well inside its budget. */
export function allowedWait(budgetMs: number, serviceMs: number): number {
  return plannedShare * Math.max(0, budgetMs - serviceMs);
}

/**
 * Little's law: who comes when `n` are ahead waits for n / rate. Let in is who will not wait longer than allowed and whose
 * tenant leaves room for others.
 */
export function hasRoom(line: Line, priority: Priority, allowedWaitMs: number): boolean {
  const served = (line.perSecond * allowedWaitMs) / 1000;
  const least = Math.min(neverTurnedAway, line.cap);
  const limit = Math.max(least, Math.min(served, line.cap) * headroom[priority]);
  return line.ahead < limit && line.ofTenant < tenantShare * (limit - line.ahead);
}

/** What was seen of a line during one stretch of time. */
export interface Stretch {
  readonly ms: number;
  readonly served: number;
  /** Members had to wait for more than half of what is allowed: it served as many as it could. */
  readonly pressed: boolean;
  /** Somebody was turned away. */
  readonly turnedAway: boolean;
}

const smoothing = 0.3;
const probing = 1.25;
const leastPerSecond = 1;

/**
 * The rate of a line after another stretch. Only pressure shows what it cannot do; without pressure more than the
 * estimate raises it, and where the estimate itself keeps members out it is raised to find out.
 */
export function nextRate(perSecond: number, stretch: Stretch): number {
  const seen = (stretch.served * 1000) / stretch.ms;
  if (stretch.pressed) return Math.max(leastPerSecond, perSecond + smoothing * (seen - perSecond));
  if (seen > perSecond) return seen;
  return stretch.turnedAway && seen > perSecond / 2 ? perSecond * probing : perSecond;
}

const longestRetryAfterS = 30;

/** Whole seconds after which all who stand before the door, let in or not, could have been served. */
export function retryAfterSeconds(crowd: number, perSecond: number): number {
  return Math.min(longestRetryAfterS, Math.max(1, Math.ceil(crowd / perSecond)));
}
