import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Arena, type BenchOptions, type Firing } from './arena';
import { originOf, startProcess } from './bench-process';
import { detectorIds } from './bundles';
import type { LoadSample } from './load-order';
import type { Report } from './report';
import { requestOf } from './requests';
import type { Stage } from './stage';
import { errorsByKind, summarize } from './statistics';
import { checkAnswers, type Target } from './target';
import { distinctTexts } from './texts';

const clients = 256;
/** Everyone may ask before the first answer is there to be kept. */
const mostLooks = detectorIds.length * clients;

interface Part {
  target: Target;
  /** The same content every time. */
  repeat?: true;
  /** Asks no detector. */
  isConstant?: true;
}

/** What a hit in the response cache costs: against judging anew, and against an Express handler that answers a constant. */
export async function cache(stage: Stage, options: BenchOptions): Promise<Report> {
  const { log, quick } = options;
  const arena = await Arena.open(stage, options);
  log('starting bare, Conclave and the constant');
  const [rivals, conclave] = await Promise.all([arena.rivals(), arena.conclave('conclave')]);
  await arena.check(rivals);
  const answer = join(stage.directory, 'answer.json');
  writeFileSync(answer, await checkAnswers(conclave));
  await checkHit(conclave);
  const constant = originOf(await startProcess(stage, 'constant.ts', ['--answer', answer]));

  const parts: Part[] = [
    ...rivals.map((target) => ({ target })),
    { target: { ...conclave, name: 'conclave, distinct contents' } },
    { target: { ...conclave, name: 'conclave, hits' }, repeat: true },
    { target: { ...conclave, name: 'constant', url: `${constant}/unread` }, isConstant: true },
    { target: { ...conclave, name: 'constant, request parsed', url: `${constant}/read` }, isConstant: true },
  ];
  log('warming up');
  for (const { target, repeat } of parts) {
    await arena.fire(target, { concurrency: 16, warmupMs: 0, windowMs: quick ? 700 : 4_000, repeat });
  }

  log('measuring');
  const firing = { concurrency: clients, warmupMs: quick ? 300 : 1_000, windowMs: quick ? 1_500 : 5_000 };
  const samples = new Map<Part, LoadSample[]>(parts.map((part) => [part, []]));
  for (const part of [...parts, ...parts.toReversed()]) {
    const { target, repeat, isConstant } = part;
    const measure = () => {
      if (repeat) return fireAtCache(arena, target, firing);
      return isConstant ? arena.fire(target, firing) : arena.fireHonestly(target, firing);
    };
    samples.get(part)!.push(await measure());
  }

  const rows = parts.map((part) => summarize(part.target.name, clients, samples.get(part)!));
  const kinds = parts.map((part) => errorsByKind(samples.get(part)!));
  const rate = (name: string) => rows.find((row) => row.name === name)?.rps ?? 0;
  const hits = rate('conclave, hits');
  return {
    bench: 'cache',
    head: ['', 'clients', 'p50 ms', 'p95 ms', 'p99 ms', 'answers/s', 'errors'],
    cells: rows.map((row, index) => [
      row.name,
      row.concurrency,
      ...[row.p50_ms, row.p95_ms, row.p99_ms, row.rps].map((figure) => figure?.toFixed(1) ?? '-'),
      [row.errors, ...Object.entries(kinds[index]!).map(([kind, count]) => `${kind}: ${count}`)].join(' '),
    ]),
    remarks: [
      ...['conclave, distinct contents', 'constant', 'constant, request parsed'].map(
        (rival) => `hits to ${rival}: answers/s x ${(hits / rate(rival)).toFixed(2)}`,
      ),
      'mapping off',
    ],
    rows,
  };
}

/** @throws Error when the second of two equal requests is no hit */
async function checkHit({ url, shape }: Target): Promise<void> {
  const request = requestOf(shape, distinctTexts());
  const ask = () => fetch(url, { method: 'POST', ...request });
  const first = await ask();
  await first.text();
  const second = await ask();
  await second.text();
  const found = [first, second].map((response) => response.headers.get('x-cache')).join(', then ');
  if (found !== 'MISS, then HIT')
    throw new Error(`two equal requests were answered as ${found} by the cache`);
}

/** @throws Error when the detectors had to look again and again */
async function fireAtCache(arena: Arena, target: Target, firing: Firing): Promise<LoadSample> {
  const before = await arena.mocks.contentsSeen();
  const sample = await arena.fire(target, { ...firing, repeat: true });
  const looks = (await arena.mocks.contentsSeen()) - before;
  if (looks > mostLooks) throw new Error(`equal contents cost ${looks} detector looks`);
  return sample;
}
