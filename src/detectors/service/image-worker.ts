import { runDetection, warmUpImages, type DetectionOutcome, type DetectionTask } from './detection';

/** What the pool for images calls in its thread, once the model is there. */
export const judge: Promise<(task: DetectionTask) => Promise<DetectionOutcome>> = warmUpImages().then(
  () => (task) => runDetection(task),
);
