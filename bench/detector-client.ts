import { Pool } from 'undici';
import { z } from 'zod';
import type { DetectorId } from './bundles';

/** As in bench/fixtures/detectors.yaml; the pool's timers may take a second longer. */
const timeoutMs = 1_000;

export interface Verdict {
  detector: DetectorId;
  output: string;
  confidence: number;
}

export type Detect = (detector: DetectorId, content: string) => Promise<Verdict>;

const answerSchema = z.array(z.array(z.object({ detection: z.string(), score: z.number() })));

/** Calls the mock detectors as anyone would: one kept-alive pool per detector, an answer checked before it is believed. */
export function createDetectorClient(origin: string): Detect {
  const pools = new Map<DetectorId, Pool>();
  const poolOf = (detector: DetectorId): Pool => {
    const known = pools.get(detector);
    if (known) return known;
    const pool = new Pool(origin, { connections: 256, headersTimeout: timeoutMs, bodyTimeout: timeoutMs });
    pools.set(detector, pool);
    return pool;
  };
  return async (detector, content) => {
    const { statusCode, body } = await poolOf(detector).request({
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
