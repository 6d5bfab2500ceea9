import { randomUUID } from 'node:crypto';
import express, { type ErrorRequestHandler, type Express } from 'express';
import { z } from 'zod';
import { bundleNames, type DetectorId, detectorsOf } from './bundles';
import type { Verdict } from './detector-client';

const requestSchema = z.strictObject({
  content: z.string().min(1).max(50_000),
  content_type: z.literal('text'),
  tenant_id: z.string(),
  policy_bundle: z.enum(bundleNames),
  environment: z.enum(['dev', 'stage', 'prod']),
});

const onError: ErrorRequestHandler = (error, _request, response, _next) => {
  response
    .status(error instanceof z.ZodError ? 400 : 502)
    .json({ message: 'the request could not be judged' });
};

/** The HTTP service of both rivals, as a reasonable engineer writes it. They differ in `judge` alone. */
export function createService(
  judge: (content: string, detectors: readonly DetectorId[]) => Promise<Verdict[]>,
): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(express.json());
  app.post('/api/v1/orchestrate', async (request, response) => {
    const { content, policy_bundle: bundle } = requestSchema.parse(request.body);
    const verdicts = await judge(content, detectorsOf(bundle));
    const flagged = verdicts.some((verdict) => verdict.output !== 'clean');
    response.json({ request_id: randomUUID(), flagged, detector_results: verdicts });
  });
  app.use(onError);
  return app;
}
