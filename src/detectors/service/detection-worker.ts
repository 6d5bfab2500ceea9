import { runDetection, warmUpDetectors, type DetectionOutcome, type DetectionTask } from './detection';

/** What the detection pool calls in each of its threads, once the promise has resolved. */
export const judge: Promise<(task: DetectionTask) => Promise<DetectionOutcome>> = warmUpDetectors().then(
  () => (task) => runDetection(task),
);
