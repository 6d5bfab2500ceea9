/** How long a bench measures, and how often. */
export interface Pace {
  rounds: number;
  warmupMs: number;
  /** Length of the next window when `windowsLeft`, that one included, are still to be opened. */
  windowMs(windowsLeft: number): number;
  /** What is not measured yet has to be left out. */
  isTimeUp(): boolean;
}

const fullPace: Pace = { rounds: 2, warmupMs: 1_000, windowMs: () => 4_000, isTimeUp: () => false };

const quickEndsMs = 58_000;
/** For the last answers of the slowest, and for stopping everything. */
const reserveMs = 7_000;
const warmupMs = 300;
const shortestMs = 300;
const longestMs = 1_200;
/** What a window costs on average beyond itself and the warm-up: slow rivals' first and last answers. */
const overheadMs = 750;

/**
 * The full pace is fixed. The quick one shares out what is left of 58 seconds since the process began, so that a slow
 * start or a slow rival costs precision rather than time.
 * @param elapsedMs since the process began
 */
export function paceOf(quick: boolean, elapsedMs: () => number): Pace {
  if (!quick) return fullPace;
  return {
    rounds: 1,
    warmupMs,
    isTimeUp: () => elapsedMs() > quickEndsMs - reserveMs,
    windowMs: (windowsLeft) => {
      const leftMs = quickEndsMs - reserveMs - elapsedMs();
      const share = leftMs / windowsLeft - warmupMs - overheadMs;
      return Math.round(Math.min(longestMs, Math.max(shortestMs, share)));
    },
  };
}
