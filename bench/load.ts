import autocannon from 'autocannon';
import { announce } from './announce';
import { loadOrderSchema, type LoadOrder, type LoadSample } from './load-order';
import { requestOf } from './requests';
import { distinctTexts } from './texts';
import { Window } from './window';

const answerLimitS = 15;
const warmupLimitMs = 3_000;
const mostNetworkErrors = 100;
/** An open loop is so many generators, whose clients each send once a second, started this many parts of a second apart. */
const phases = 25;

/** What autocannon's client looks at, after an answer, to decide whether to send again. */
interface Connection {
  reqsMade: number;
  responseMax?: number;
}

/**
 * A closed loop of `concurrency` clients, each sending its next request as soon as the last was answered; or, with
 * `rate`, an open loop. After the window every client ends with the answer it waits for, so that no work is left behind
 * for whoever is measured next.
 */
async function fire(order: LoadOrder): Promise<LoadSample> {
  const { rate } = order;
  const window = new Window(order, rate === undefined ? order.concurrency : 0, warmupLimitMs);
  if (rate === undefined) {
    await generate(order, window, { connections: order.concurrency });
  } else {
    await Promise.all(
      shares(rate, phases).map(async (share, phase) => {
        await new Promise((resolve) => setTimeout(resolve, (phase * 1000) / phases));
        await generate(order, window, { connections: share, overallRate: share });
      }),
    );
  }
  return window.sample;
}

/** Runs one autocannon until the window is over and its clients have their answers. */
async function generate(
  { url, shape, expecting, warmupMs, windowMs, repeat }: LoadOrder,
  window: Window,
  loop: Pick<autocannon.Options, 'connections' | 'overallRate'>,
): Promise<void> {
  const texts = distinctTexts();
  const fixed = repeat ? requestOf(shape, texts) : null;
  let sent = 0;
  let settled = 0;
  let complete = true;
  const clients = new Set<Connection>();
  const retire = () => {
    for (const client of clients) client.responseMax = client.reqsMade;
  };

  const options: autocannon.Options = {
    url,
    ...loop,
    duration: Math.ceil((warmupLimitMs + warmupMs + windowMs) / 1000) + answerLimitS,
    timeout: answerLimitS,
    sampleInt: 20,
    bailout: mostNetworkErrors,
    skipAggregateResult: true,
    setupClient: (client) => void clients.add(client as unknown as Connection),
    requests: [
      {
        method: 'POST',
        setupRequest: (request) => {
          sent += 1;
          window.sent();
          return { ...request, ...(fixed ?? requestOf(shape, texts)) };
        },
        ...(expecting && {
          onResponse: (_status, body) => {
            complete = body.split(expecting.text).length > expecting.times;
          },
        }),
      },
    ],
  };
  await new Promise<void>((resolve, reject) => {
    const run = autocannon(options, (error: unknown) => {
      if (error instanceof Error) reject(error);
      else resolve();
    });
    run.on('response', (client, status, _bytes, latencyMs) => {
      settled += 1;
      window.answered(client, complete ? String(status) : `${status} incomplete`, latencyMs);
      if (window.isOver()) {
        const connection = client as unknown as Connection;
        connection.responseMax = connection.reqsMade;
      }
    });
    run.on('reqError', () => {
      settled += 1;
      window.failed(1);
    });
    if (loop.overallRate !== undefined) void window.over().then(retire);
  });
  // autocannon says nothing of requests whose connection the server closed.
  if (sent > settled) window.failed(sent - settled);
}

/** `total` in `parts` whole numbers that differ by at most one; none of them 0. */
export function shares(total: number, parts: number): number[] {
  const count = Math.min(total, parts);
  return Array.from({ length: count }, (_, i) => Math.floor((total + i) / count));
}

if (require.main === module) {
  process.on('message', (order) => {
    void fire(loadOrderSchema.parse(order)).then((sample) => process.send?.(sample));
  });
  announce();
}
