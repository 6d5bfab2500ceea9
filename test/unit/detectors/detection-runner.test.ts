import type { DetectionOutcome, DetectionTask } from '../../../src/detectors/service/detection';
import {
  DetectionOverloadError,
  type Judges,
  runnerOver,
} from '../../../src/detectors/service/detection-runner';

const judged: DetectionOutcome = { kind: 'judged', findings: [] };
const taskOf = (detector: string): DetectionTask => ({ detector, contents: ['x'], params: {} });

/** Threads that judge when they are let. */
function heldJudges() {
  let release = (): void => undefined;
  const released = new Promise<DetectionOutcome>((resolve) => (release = () => resolve(judged)));
  const judges: Judges = { run: () => released, destroy: () => Promise.resolve() };
  return { judges, release };
}

describe('the lines before the threads that judge', () => {
  const options = { threads: 2, timeoutMs: 60_000, maxWaiting: 1 };

  it.each([
    ['image', 'image-safety', 'pii', 2],
    ['text', 'pii', 'image-safety', 3],
  ])('for %s, when full, turns away no other', async (line, full, other, room) => {
    const [busy, free] = [heldJudges(), heldJudges()];
    free.release();
    const [texts, images] = line === 'text' ? [busy, free] : [free, busy];
    const runner = runnerOver(texts.judges, images.judges, options);
    const running = Array.from({ length: room }, () => runner.run(taskOf(full)));
    await expect(runner.run(taskOf(full))).rejects.toThrow(DetectionOverloadError);
    expect(await runner.run(taskOf(other))).toEqual(judged);
    busy.release();
    await Promise.all(running);
    expect(await runner.run(taskOf(full))).toEqual(judged);
  });
});
