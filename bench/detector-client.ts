import { Pool } from 'undici';
import { z } from 'zod';

export const detectorIds = ['mock-a', 'mock-b', 'mock-c', 'mock-d'] as const;
export type DetectorId = (typeof detectorIds)[number];

export interface Verdict {
  detector: DetectorId;
  output: string;
  confidence: number;
}

export type Detect = (detector: DetectorId, content: string) => Promise<Verdict>;

const answerSchema = z.array(z.array(z.object({ detection: z.string(), score: z.number() })));

/** Calls the mock detectors as anyone would: one kept-alive pool per detector, an answer checked before it is believed. */
export function createDetectorClient(origin: string): Detect {
  const pools = new Map(detectorIds.map((id) => [id, new Pool(origin, { connections: 256 })]));
  return async (detector, content) => {
    const { statusCode, body } = await pools.get(detector)!.request({
      method: 'POST',
      path: '/api/v1/text/contents',
      headers: { 'content-type': 'application/json', 'detector-id': detector },
      body: JSON.stringify({ contents: [content], detector_params: {} }),
    });
    if (statusCode !== 200) {
      await body.dump();
      throw new Error(`detector ${detector} answered ${statusCode}`);
    }
    const [findings = []] = answerSchema.parse(await body.json());
    const strongest = findings.toSorted((a, b) => b.score - a.score)[0];
    return { detector, output: strongest?.detection ?? 'clean', confidence: strongest?.score ?? 0.6 };
  };
}
