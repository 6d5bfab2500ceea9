import { randomUUID } from 'node:crypto';
import { Company, filling, type Waiting } from '../../support/company';
import type { Behavior } from '../../support/fake-detectors';
import { findings, says } from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import type { HttpAnswer, System, SystemOptions } from '../../support/system';

export const badContent = 'the bad one';
/** Alike in length to the bad one or not, flagged or clean. */
export const neighborContents = [
  'a first text',
  'some rude words',
  'a third and rather longer text',
  'rude again',
];

/** Together they may say more than a payload holds. */
export const wordy = ['wordy-1', 'wordy-2', 'wordy-3', 'wordy-4', 'wordy-5'] as const;

/** Detectors that take batches, that take none, and one that comes after another. */
export const installation: SystemOptions = {
  mapper: 'real',
  detectors: [
    ...filling.detectors,
    { name: 'a', timeout_ms: 1000 },
    { name: 'b', timeout_ms: 30_000 },
    { name: 'next', depends_on: ['b'] },
    { name: 'single', protocol: 'conclave', timeout_ms: 30_000 },
    ...wordy.map((name) => ({ name, protocol: 'conclave' as const })),
  ],
  policies: {
    ...filling.policies,
    'demo/default': { policy: { required_detectors: ['a', 'b'] } },
    'demo/chain': { policy: { required_detectors: ['b', 'next'] } },
    'demo/wordy': { policy: { required_detectors: [...wordy] } },
    'demo/single': { policy: { required_detectors: ['a', 'single'] } },
  },
  // Nobody is to become a job for the slowness of the machine, nor any breaker or cache to remember another test.
  env: {
    ...patience,
    ORCHESTRATION_ORCHESTRATION__CIRCUIT_BREAKER_FAILURE_THRESHOLD: '1000',
    ORCHESTRATION_ORCHESTRATION__CACHE_ENABLED: 'false',
  },
};

export const rude: Behavior = findings((content) =>
  content.includes('rude')
    ? [{ start: content.indexOf('rude'), end: content.indexOf('rude') + 4, detection: 'toxic', score: 0.9 }]
    : [],
);
export const mild: Behavior = says({ output: 'clean', confidence: 0.7 });

/** What the detectors do when nothing disturbs them. */
export function undisturbed(system: System): void {
  system.detectors.reset();
  system.detectors.behave('a', rude).behave('b', rude).behave('next', rude).behave('single', mild);
  for (const name of wordy) system.detectors.behave(name, mild);
}

export interface Journey {
  readonly bad: Waiting | null;
  readonly neighbors: readonly Waiting[];
}

/**
 * Queues the neighbors, with the bad one among them or without it, so that all share the next run.
 * @param agedMs how old the bad one, which then comes first, is when the neighbors come
 */
export async function boarded(
  system: System,
  bundle: string,
  withBad: boolean,
  agedMs = 0,
): Promise<Journey & { company: Company }> {
  const company = await Company.gather(system);
  const neighbors: Waiting[] = [];
  let bad: Waiting | null = null;
  for (const [index, content] of neighborContents.entries()) {
    if (withBad && index === (agedMs > 0 ? 0 : 1)) {
      bad = await company.add({ content: badContent, policy_bundle: bundle });
      if (agedMs > 0) await company.aged(agedMs);
    }
    neighbors.push(
      await company.add({ content, policy_bundle: bundle }, { correlation: `neighbor-${index}` }),
    );
  }
  return { company, bad, neighbors };
}

/**
 * The neighbors' answers when the bad one is not there. A slow process gives the slots back before all have queued (design.md
 * 7, 9): then they ride apart, and it tries again.
 */
export async function referenceOf(system: System, bundle: string): Promise<string[]> {
  for (;;) {
    undisturbed(system);
    const { company, neighbors } = await boarded(system, bundle, false);
    await company.depart();
    const answers = await answersOf(neighbors);
    expect(answers.map(({ status }) => status)).toEqual(neighbors.map(() => 200));
    if ((await runsOf(system, answers)).length === 1) return answers.map((answer) => normalized(answer));
  }
}

export function answersOf(waiting: readonly Waiting[]): Promise<HttpAnswer[]> {
  return Promise.all(waiting.map(({ answer }) => answer));
}

/**
 * The answer's own bytes, but for what names this very request or says when it was: `request_id` (also in the payload's
 * metadata), `idempotency_key`, `timestamp`, the mapping's `ts`, `total_processing_time_ms` and `processing_time_ms` of results and provenance.
 */
export function normalized({ status, text }: HttpAnswer): string {
  const bytes = text
    .replaceAll(/"(request_id|idempotency_key|timestamp|ts)":"[^"]*"/g, '"$1":"·"')
    .replaceAll(/"((?:total_)?processing_time_ms)":[\d.]+/g, '"$1":0');
  return `${status} ${bytes}`;
}

/** @returns the one run that all of these were members of */
export async function expectShared(
  system: System,
  answers: readonly HttpAnswer[],
  members: number,
): Promise<string> {
  const runs = await runsOf(system, answers);
  expect(runs).toEqual([{ run_id: expect.any(String) as unknown, n: members }]);
  return runs[0]!.run_id;
}

/** The runs that these were members of, with how many were of each. */
async function runsOf(
  system: System,
  answers: readonly HttpAnswer[],
): Promise<{ run_id: string; n: number }[]> {
  const { rows } = await system.db.query<{ run_id: string; n: number }>(
    'select run_id, count(*)::int as n from orchestration where request_id = any($1::uuid[]) group by run_id',
    [answers.map(({ body }) => body.request_id)],
  );
  return rows;
}

/** A text of its own, of this length. */
export function text(length: number): string {
  return randomUUID().padEnd(length, 'x').slice(0, length);
}
