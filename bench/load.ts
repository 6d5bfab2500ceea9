import autocannon from 'autocannon';
import { z } from 'zod';
import { announce } from './announce';
import { distinctTexts, requestBody } from './texts';

export const loadOrderSchema = z.object({
  url: z.url(),
  concurrency: z.int().positive(),
  /** At least this long, and until every client had an answer, nothing is counted. */
  warmupMs: z.number().nonnegative(),
  windowMs: z.number().positive(),
});
export type LoadOrder = z.output<typeof loadOrderSchema>;

export const loadSampleSchema = z.object({
  /** Of the answers with status 200 that arrived inside the window. */
  latenciesMs: z.array(z.number()),
  windowMs: z.number(),
  /** By status inside the window; and at any time, as `network`, requests that got no answer at all. */
  errors: z.record(z.string(), z.int()),
  /** All answers with status 200, warm-up and draining included. */
  answered: z.int(),
});
export type LoadSample = z.output<typeof loadSampleSchema>;

const answerLimitS = 15;
const warmupLimitMs = 3_000;
const mostNetworkErrors = 100;

/** What autocannon's client looks at, after an answer, to decide whether to send again. */
interface Connection {
  reqsMade: number;
  responseMax?: number;
}

/**
 * A closed loop of `concurrency` clients, each sending its next request as soon as the last was answered. After the
 * window every client ends with the answer it waits for, so that no work is left behind for whoever is measured next.
 */
async function fire({ url, concurrency, warmupMs, windowMs }: LoadOrder): Promise<LoadSample> {
  const texts = distinctTexts();
  const sample: LoadSample = { latenciesMs: [], windowMs, errors: {}, answered: 0 };
  const answeredOnce = new Set<object>();
  const begun = performance.now();
  let opens = Infinity;
  let sent = 0;
  let settled = 0;

  const countError = (kind: string, count: number) => {
    sample.errors[kind] = (sample.errors[kind] ?? 0) + count;
  };

  const onResponse = (client: object, status: number, latencyMs: number) => {
    const now = performance.now();
    settled += 1;
    answeredOnce.add(client);
    if (status === 200) sample.answered += 1;
    if (opens === Infinity && (answeredOnce.size === concurrency || now > begun + warmupLimitMs)) {
      opens = Math.max(now, begun + warmupMs);
    }
    if (now > opens + windowMs) {
      const connection = client as Connection;
      connection.responseMax = connection.reqsMade;
    } else if (now >= opens) {
      if (status === 200) sample.latenciesMs.push(latencyMs);
      else countError(String(status), 1);
    }
  };

  const options: autocannon.Options = {
    url,
    connections: concurrency,
    duration: Math.ceil((warmupLimitMs + warmupMs + windowMs) / 1000) + answerLimitS,
    timeout: answerLimitS,
    sampleInt: 20,
    bailout: mostNetworkErrors,
    skipAggregateResult: true,
    requests: [
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        setupRequest: (request) => {
          sent += 1;
          return { ...request, body: requestBody(texts.next().value) };
        },
      },
    ],
  };
  await new Promise<void>((resolve, reject) => {
    const run = autocannon(options, (error: unknown) => {
      if (error instanceof Error) reject(error);
      else resolve();
    });
    run.on('response', (client, status, _bytes, latencyMs) => onResponse(client, status, latencyMs));
    run.on('reqError', () => {
      settled += 1;
      countError('network', 1);
    });
  });
  // autocannon says nothing of requests whose connection the server closed.
  if (sent > settled) countError('network', sent - settled);
  return sample;
}

if (require.main === module) {
  process.on('message', (order) => {
    void fire(loadOrderSchema.parse(order)).then((sample) => process.send?.(sample));
  });
  announce();
}
