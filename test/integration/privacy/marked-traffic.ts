import { randomUUID } from 'node:crypto';
import type { ErrorResponse } from '../../../src/contract/answer';
import { type Behavior, closes, findings, flags, held, raw } from '../../support/fake-detectors';
import type { BundleFixture, HttpAnswer, System } from '../../support/system';
import { incompressible } from '../../support/incompressible';
import type { Marks } from './marker-search';

const patient = { max_retries: 0, timeout_ms: 30_000 };

/** Detectors that answer with what they were given, each in another way. */
export const markedDetectors = [
  { name: 'echo', ...patient },
  { name: 'label', ...patient },
  { name: 'verdict', ...patient, protocol: 'conclave' as const },
  { name: 'broken', ...patient },
  { name: 'garbage', ...patient },
  { name: 'closing', ...patient },
  { name: 'pooled', ...patient, max_retries: 1, pool: 'marked' },
  { name: 'pii', ...patient, endpoint: 'builtin:pii' },
];

const only = (...required_detectors: string[]): BundleFixture => ({ policy: { required_detectors } });

/** `default` succeeds, `mixed` in part, `failing` not at all; the rule of `trap` fails on labels; `pool` is slow lane. */
export const markedPolicies: Readonly<Record<string, BundleFixture>> = {
  'demo/default': only('echo', 'label', 'verdict', 'pii'),
  'demo/mixed': only('echo', 'broken', 'garbage', 'closing'),
  'demo/failing': only('broken', 'garbage'),
  'demo/pool': only('echo', 'pooled'),
  'demo/trap': {
    ...only('echo', 'label', 'verdict'),
    rego: {
      'conflict.rego': [
        'package orchestration',
        'conflict := {"resolution_strategy": output} if {',
        '  some detector in input.detector_outputs',
        '  output := sprintf("%s", [detector.output])',
        '}',
      ].join('\n'),
    },
  },
};

export function behaveMarked(system: System, { word, han }: Marks): void {
  const echo = (name: string, code: number, type = 'text/plain'): Behavior => {
    return (call, response) => raw(`${name}: cannot judge ${call.body}`, type, code)(call, response);
  };
  system.detectors
    .behave(
      'echo',
      findings((content) => [{ start: 0, end: [...content].length, detection: content, score: 0.9 }]),
    )
    .behave('label', flags(word, 0.8))
    .behave('verdict', (call, response) =>
      raw(
        JSON.stringify({
          output: `about ${han}`,
          confidence: 0.7,
          scores: { [word]: 0.4 },
          metadata: { [word]: han, whole: call.contents[0] },
          detector_version: han,
        }),
      )(call, response),
    )
    .behave('broken', echo('broken', 500))
    .behave('garbage', echo('garbage', 200, 'application/json'))
    .behave('closing', closes)
    .behave('pooled', echo('pooled', 503));
}

/** As many code points as content may have, most of them beyond the basic plane: over 96 KiB, compressed. */
function largeContent({ word, han }: Marks): string {
  const marked = `${word} ${han} `;
  return `${marked}${incompressible(50_000 - 2 * [...marked].length)}${marked}`;
}

/** What the requests of a scenario were answered with, so that a test sees that they did what they were for. */
export type Statuses = Record<string, number | string>;

/** Judged at once: plain, with a key, replayed, with metadata, out of the cache, partial, failed, under a policy that fails, large. */
export async function sendSync(system: System, marks: Marks): Promise<Statuses> {
  const { word, han } = marks;
  const content = `${word} is what ${han} says, at some length, of ${word}`;
  const key = { 'Idempotency-Key': `key-${word}` };
  const metadata = { [word]: han, nested: { [`deep ${han}`]: [word, { again: `${han} ${word}` }] } };
  const post = (body: Record<string, unknown>, headers = {}): Promise<HttpAnswer<ErrorResponse>> =>
    system.orchestrate<ErrorResponse>({ content, ...body }, headers);
  const keyed = await post({}, key);
  const trap = await system.orchestrate({ content, policy_bundle: 'trap' });
  return {
    keyed: keyed.status,
    replayed: (await post({}, key)).headers.get('idempotency-replayed') ?? '',
    conflicting: (await post({ content: `other ${content}` }, key)).status,
    with_metadata: (await post({ metadata })).status,
    repeated: (await post({})).headers.get('x-cache') ?? '',
    partial: (await post({ policy_bundle: 'mixed' })).status,
    failed: (await post({ policy_bundle: 'failing' })).status,
    echoed: trap.body.detector_results.find(({ detector }) => detector === 'echo')?.output ?? '',
    policy_failed: trap.body.fallback_reasons.join(),
    large: (await post({ content: largeContent(marks), metadata })).status,
  };
}

/** Jobs: completed, failed, in the pool lane, large, re-run, converted, converted and failed, cancelled. */
export async function sendJobs(system: System, marks: Marks): Promise<Statuses> {
  const content = `${marks.han} asks for a job that judges ${marks.word} and ${marks.han}`;
  const metadata = { [marks.word]: marks.han };
  const accepted = ({ status, body }: HttpAnswer<unknown>): string => {
    const { job_id: jobId } = body as { job_id?: string };
    if (status !== 202 || jobId === undefined) throw new Error(`no job: ${JSON.stringify(body)}`);
    return jobId;
  };
  const job = async (body: Record<string, unknown>): Promise<string> =>
    accepted(await system.orchestrate({ content, metadata, processing_mode: 'async', ...body }));
  const rerun = async (jobId: string, body: object): Promise<string> =>
    accepted(await system.request('POST', `/orchestrate/jobs/${jobId}/rerun`, body));
  const end = async (jobId: string): Promise<string> => String((await system.ended(jobId))['status']);

  const [completed, failed, pooled, large] = await Promise.all([
    job({}),
    job({ policy_bundle: 'failing' }),
    job({ policy_bundle: 'pool' }),
    job({ content: largeContent(marks) }),
  ]);
  const statuses: Statuses = {
    completed: await end(completed),
    failed: await end(failed),
    pooled: await end(pooled),
    large: await end(large),
  };
  return {
    ...statuses,
    rerun_of_large: await end(await rerun(large, { detectors: 'all', policy: 'original' })),
    rerun_of_failed: await end(await rerun(failed, { detectors: 'failed', policy: 'current' })),
    rerun_with_content: await end(await rerun(completed, { detectors: 'all', policy: 'current', content })),
    rerun_with_other_content: (
      await system.request('POST', `/orchestrate/jobs/${completed}/rerun`, {
        content: `other ${content}`,
      })
    ).status,
    ...(await sendSlow(system, marks, content)),
  };
}

/** Executions that outlast their caller's patience, or are not wanted any more. */
async function sendSlow(system: System, marks: Marks, content: string): Promise<Statuses> {
  const slow = held(flags(marks.word, 0.9));
  const slowFailure = held(raw(`no: ${content}`, 'text/plain', 500));
  system.detectors.behave('label', slow.behavior).behave('broken', slowFailure.behavior);
  const [converted, convertedFailing, unwanted] = await Promise.all([
    system.orchestrate({ content: `slowly, ${content}`, metadata: { [marks.word]: marks.han } }),
    system.orchestrate({ content, policy_bundle: 'failing' }),
    system.orchestrate({ content, processing_mode: 'async' }),
  ]);
  const status = (jobId: string | null): string => `/orchestrate/status/${jobId}`;
  const cancelled = await system.request('DELETE', status(unwanted.body.job_id));
  slow.release();
  slowFailure.release();
  const end = async (jobId: string | null): Promise<string> =>
    jobId === null ? 'no job' : String((await system.ended(jobId))['status']);
  return {
    converted: `${converted.status} ${await end(converted.body.job_id)}`,
    converted_failed: `${convertedFailing.status} ${await end(convertedFailing.body.job_id)}`,
    cancelled: cancelled.status,
  };
}

/** What is refused: the marks stand wherever a caller may write. */
export async function sendRefused(system: System, { word, han }: Marks): Promise<Statuses> {
  const status = async (answer: Promise<HttpAnswer<unknown>>): Promise<number> => (await answer).status;
  const post = (body: unknown, headers = {}): Promise<number> =>
    status(system.request('POST', '/orchestrate', body, headers));
  const whole = system.body({ content: `${word} ${han}` });
  return {
    not_json: await post(`{"content": "${word} ${han}`),
    not_utf8: await post(Buffer.concat([Buffer.from(word), Buffer.from([0xff])])),
    unknown_key: await post({ ...whole, [word]: han }),
    wrong_type: await post({ ...whole, metadata: `${word} ${han}` }),
    wrong_value: await post({ ...whole, content_type: word }),
    duplicate_key: await post(`{"${word}": 1, ${JSON.stringify({ ...whole, [word]: 2 }).slice(1)}`),
    lone_surrogate: await post(
      JSON.stringify({ ...whole, content: word + han }).replace(word, `${word}\\ud800`),
    ),
    unknown_bundle: await post({ ...whole, policy_bundle: word.replaceAll('~', '-') }),
    unknown_detector: await post({ ...whole, required_detectors: [word.replaceAll('~', '-')] }),
    bad_image: await post({ ...whole, content_type: 'image' }),
    bad_key: await post(whole, { 'Idempotency-Key': `${word} with a space` }),
    credential: await post(whole, { Authorization: `Bearer ${word}${randomUUID()}` }),
    unknown_job: await status(system.request('GET', `/orchestrate/status/${encodeURIComponent(word + han)}`)),
    unknown_route: await status(system.request('GET', `/${word}?q=${encodeURIComponent(han)}`)),
  };
}
