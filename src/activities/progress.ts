import { activityInfo, heartbeat } from '@temporalio/activity';
import type { DetectorResult } from '../contract/detector-result';
import type { AttemptResults } from './detector-memo';

const everyMs = 1000;
const maxBytes = 256 * 1024;

type Entry = readonly [requestId: string, DetectorResult];

/** What an earlier attempt of this activity, perhaps by another worker, had heard from its detector. */
export function progressOfBefore(): readonly Entry[] {
  const details: unknown = activityInfo().heartbeatDetails;
  return Array.isArray(details) ? (details as Entry[]) : [];
}

/** Beats until it is stopped; the beats carry the results so far, so that a retry does not buy them again. */
export function beat(results: () => AttemptResults): { stop(): void } {
  let told = 0;
  let details: readonly Entry[] = [];
  const timer = setInterval(() => {
    const known = results();
    if (known.size !== told) {
      told = known.size;
      details = fitting([...known]);
    }
    heartbeat(details);
  }, everyMs);
  return { stop: () => clearInterval(timer) };
}

/** As many as one beat may carry; checkpoints have the others. */
function fitting(entries: readonly Entry[]): readonly Entry[] {
  let bytes = 0;
  return entries.filter((entry) => {
    bytes += Buffer.byteLength(JSON.stringify(entry));
    return bytes <= maxBytes;
  });
}
