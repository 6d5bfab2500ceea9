import { cancellationSignal, heartbeat } from '@temporalio/activity';
import type { HealthActivities } from '../contract/health-monitor';

const shiftMs = 5 * 60_000;
const beatMs = 2000;

interface Duty {
  /** Goes on until the signal says to stop. */
  run(signal: AbortSignal): Promise<void>;
}

/** A shift of the durable monitor: the duties of one process at a time, for some minutes. */
export function createHealthActivities(duties: readonly Duty[]): HealthActivities {
  return {
    async watchHealth() {
      const over = new AbortController();
      const end = setTimeout(() => over.abort(), shiftMs);
      const beat = setInterval(() => heartbeat(), beatMs);
      const signal = AbortSignal.any([over.signal, cancellationSignal()]);
      try {
        await Promise.all(duties.map((duty) => duty.run(signal)));
      } finally {
        clearTimeout(end);
        clearInterval(beat);
      }
      // A shift that was cut short by its worker's end is taken up by another.
      if (cancellationSignal().aborted) throw cancellationSignal().reason;
    },
  };
}
