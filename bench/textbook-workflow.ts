import { proxyActivities } from '@temporalio/workflow';
import type { DetectorId } from './bundles';
import type { Detect, Verdict } from './detector-client';

export interface JudgeInput {
  content: string;
  detectors: DetectorId[];
}

const { detect } = proxyActivities<{ detect: Detect }>({
  startToCloseTimeout: '5 seconds',
  retry: { maximumAttempts: 3 },
});

export async function judgeWorkflow({ content, detectors }: JudgeInput): Promise<Verdict[]> {
  return Promise.all(detectors.map((detector) => detect(detector, content)));
}
