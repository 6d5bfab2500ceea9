import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import type { History } from '@temporalio/common/lib/proto-utils';
import { openDatabase } from '../../../src/store/database';
import { KeyRing, RunKeyDestroyedError } from '../../../src/store/key-ring';
import { PayloadReader } from '../../../src/store/payload-codec';
import { eventually } from '../../support/eventually';
import { flags, held, raw } from '../../support/fake-detectors';
import { payloadsIn } from '../../support/payloads';
import { System, testServers } from '../../support/system';

const token = 'a-codec-token-of-this-test';
const webOrigin = 'http://127.0.0.1:8233';
const secret = 'the caller said something confidential';
const large = '語'.repeat(50_000);

const textOf = (payload: Payload, key: string): string =>
  Buffer.from(payload.metadata?.[key] ?? []).toString();
const encodingOf = (payload: Payload): string => textOf(payload, 'encoding');
/** What Temporal itself must be able to read: search attributes, and what its SDK notes beside a local activity. */
const readableByDesign = (place: readonly string[]): boolean =>
  place.includes('searchAttributes') ||
  (place.includes('markerRecordedEventAttributes') && place.includes('data') && !place.includes('result'));

function historyOf(system: System, runId: string): Promise<History> {
  return system.temporal.workflow.getHandle(runId).fetchHistory();
}

async function runIdOf(system: System, requestId: string): Promise<string> {
  const { rows } = await system.db.query<{ run_id: string }>(
    'select run_id from orchestration where request_id = $1',
    [requestId],
  );
  return rows[0]!.run_id;
}

async function keyOf(
  system: System,
  runId: string,
): Promise<{ wrapped: Buffer | null; closed: Date | null }> {
  const { rows } = await system.db.query<{ wrapped: Buffer | null; closed: Date | null }>(
    'select wrapped_key as wrapped, closed_at as closed from run_key where run_id = $1',
    [runId],
  );
  return rows[0]!;
}

async function blobsOf(system: System, runId: string): Promise<Buffer[]> {
  const { rows } = await system.db.query<{ payload: Buffer }>('select payload from blob where run_id = $1', [
    runId,
  ]);
  return rows.map((row) => row.payload);
}

/** Reads like a process of Conclave that has just started: with the master key, and nothing in memory. */
async function withFreshReader<T>(system: System, use: (reader: PayloadReader) => Promise<T>): Promise<T> {
  const url = new URL(testServers().databaseUrl);
  url.pathname = `/${system.database}`;
  const db = openDatabase(url.href, 2);
  try {
    return await use(new PayloadReader(db, new KeyRing(db, masterKeyOf(system))));
  } finally {
    await db.destroy();
  }
}

function masterKeyOf(system: System): Buffer {
  return Buffer.from(readFileSync(join(system.dataDir, 'keys', 'master.key'), 'utf8'), 'base64');
}

function inputOf(history: History): Payload {
  return history.events![0]!.workflowExecutionStartedEventAttributes!.input!.payloads![0]!;
}

const toWire = (payload: Payload): object => ({
  metadata: Object.fromEntries(
    Object.entries(payload.metadata ?? {}).map(([key, value]) => [
      key,
      Buffer.from(value).toString('base64'),
    ]),
  ),
  data: Buffer.from(payload.data ?? []).toString('base64'),
});

interface Decoded {
  readonly payloads: readonly { readonly metadata: Record<string, string>; readonly data: string }[];
}

async function decode(system: System, payloads: readonly Payload[]) {
  const answer = await system.request<Decoded>(
    'POST',
    '/codec/decode',
    { payloads: payloads.map(toWire) },
    { Authorization: `Bearer ${token}` },
  );
  return {
    status: answer.status,
    values: answer.body.payloads?.map(
      ({ data }) => JSON.parse(Buffer.from(data, 'base64').toString()) as unknown,
    ),
  };
}

describe('the history of a run', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      detectors: [
        { name: 'a', max_retries: 1 },
        {
          name: 'slow',
          capabilities: { supported_content_types: ['text'], average_processing_time_ms: 20_000 },
        },
      ],
      policies: {
        'demo/default': { policy: { required_detectors: ['a'] } },
        'demo/pool': { policy: { required_detectors: ['a', 'slow'] } },
      },
      env: { ORCHESTRATION_SECURITY__CODEC_TOKEN: token },
    });
  });
  afterAll(() => system?.stop());
  beforeEach(() => system.detectors.reset());

  /** A job in the pool lane whose first attempts fail: inputs, results, failures and heartbeats are all recorded. */
  async function poolJob(content = secret): Promise<string> {
    system.detectors.behave('a', flags('confidential-label', 0.9));
    system.detectors.behave('slow', raw(`cannot judge ${secret}`, 'text/plain', 500));
    const { body } = await system.orchestrate({
      content,
      policy_bundle: 'pool',
      processing_mode: 'async',
      metadata: { note: secret },
    });
    await system.ended(body.job_id!);
    return body.job_id!;
  }

  it('holds nothing but ciphertext: every payload is binary/encrypted [C.9]', async () => {
    const job = await poolJob();
    const { body } = await system.orchestrate({ content: secret });
    for (const runId of [job, await runIdOf(system, body.request_id)]) {
      const payloads = [...payloadsIn(await historyOf(system, runId))];
      const ours = payloads.filter((placed) => !readableByDesign(placed.path));
      expect(ours.some(({ path }) => path.includes('failure'))).toBe(runId === job);
      expect(ours.length).toBeGreaterThanOrEqual(3);
      expect(new Set(ours.map(({ payload }) => encodingOf(payload)))).toEqual(new Set(['binary/encrypted']));
      const readable = payloads.map(({ payload }) => Buffer.from(payload.data ?? []).toString()).join('\n');
      expect(readable).not.toMatch(/confidential/);
    }
  });

  it('is readable with the key', async () => {
    const job = await poolJob();
    const history = await historyOf(system, job);
    const input = await withFreshReader(system, (reader) => reader.value(inputOf(history)));
    expect(input).toMatchObject({ run_id: job, members: [{ content: secret, metadata: { note: secret } }] });
  });

  it('shows of a failure its type, and neither message nor stack', async () => {
    system.detectors.behave('a', raw(secret, 'text/plain', 500));
    const { body } = await system.orchestrate({ content: secret, processing_mode: 'async' });
    await system.ended(body.job_id!);
    const handle = system.temporal.workflow.getHandle(body.job_id!);
    const description = await eventually(
      () => handle.describe(),
      ({ status }) => status.name !== 'RUNNING',
    );
    expect(description.status.name).toBe('FAILED');
    const history = await handle.fetchHistory();
    const failure = history.events!.at(-1)!.workflowExecutionFailedEventAttributes!.failure!;
    expect(failure.applicationFailureInfo!.type).toBe('DETECTOR_COMMUNICATION_FAILED');
    expect(failure.message).toBe('Encoded failure');
    expect(failure.stackTrace ?? '').toBe('');
    expect(encodingOf(failure.encodedAttributes!)).toBe('binary/encrypted');
    const attributes = await withFreshReader(system, (reader) => reader.value(failure.encodedAttributes!));
    expect(attributes).toMatchObject({ message: 'the job did not complete' });
  });

  it('keeps what exceeds 128 KiB out of itself, encrypted, in rows of the run', async () => {
    const job = await poolJob(large);
    const history = await historyOf(system, job);
    expect(Buffer.from(inputOf(history).data!).length).toBeLessThan(1024);
    const blobs = await blobsOf(system, job);
    expect(blobs.length).toBeGreaterThan(0);
    expect(blobs.some((blob) => blob.length > 128 * 1024)).toBe(true);
    expect(blobs.some((blob) => blob.includes('語語語'))).toBe(false);
    const input = await withFreshReader(system, (reader) => reader.value(inputOf(history)));
    expect(input).toMatchObject({ members: [{ content: large }] });
  });

  it('keeps what does not exceed it inline', async () => {
    expect(await blobsOf(system, await poolJob())).toEqual([]);
  });

  it('is encrypted under keys that the database holds only wrapped', async () => {
    await poolJob();
    const { rows } = await system.db.query<{ wrapped_key: Buffer }>(
      'select wrapped_key from run_key where wrapped_key is not null union all select wrapped_key from tenant_key',
    );
    expect(rows.length).toBeGreaterThan(1);
    // nonce, 32 bytes of key, tag
    expect(new Set(rows.map((row) => row.wrapped_key.length))).toEqual(new Set([12 + 32 + 16]));
    expect(rows.some((row) => row.wrapped_key.includes(masterKeyOf(system)))).toBe(false);
  });

  describe('at the codec endpoint', () => {
    it('is decoded for the token, as bearer or in the path', async () => {
      const history = await historyOf(system, await poolJob());
      const { status, values } = await decode(system, [inputOf(history)]);
      expect(status).toBe(200);
      expect(values).toMatchObject([{ members: [{ content: secret }] }]);
      const inPath = await system.request<Decoded>('POST', `/codec/${token}/decode`, {
        payloads: [toWire(inputOf(history))],
      });
      expect(inPath.status).toBe(200);
      expect(Buffer.from(inPath.body.payloads[0]!.data, 'base64').toString()).toContain(secret);
    });

    it('is decoded where it is kept by reference', async () => {
      const history = await historyOf(system, await poolJob(large));
      const { values } = await decode(system, [inputOf(history)]);
      expect(values).toMatchObject([{ members: [{ content: large }] }]);
    });

    it.each([
      ['without a token', '/codec/decode', {}],
      ['with a wrong token', '/codec/decode', { Authorization: `Bearer ${token}x` }],
      ['with a token of another scheme', '/codec/decode', { Authorization: `Basic ${token}` }],
      ['with an empty token', '/codec/decode', { Authorization: 'Bearer ' }],
      ['with a wrong token in the path', `/codec/${token}x/decode`, {}],
      ['with a wrong bearer beside the right path', `/codec/${token}/decode`, { Authorization: 'Bearer x' }],
    ])('is refused %s', async (_case, route, headers) => {
      const input = inputOf(await historyOf(system, await poolJob()));
      const answer = await system.request('POST', route, { payloads: [toWire(input)] }, headers);
      expect(answer.status).toBe(401);
      expect(answer.body).toMatchObject({ error_code: 'UNAUTHORIZED' });
      expect(answer.text).not.toContain(token);
    });

    it('is not decoded when it was tampered with', async () => {
      const input = inputOf(await historyOf(system, await poolJob()));
      const data = Buffer.from(input.data!);
      data[data.length >> 1]! ^= 1;
      const { status } = await decode(system, [{ ...input, data }]);
      expect(status).toBeGreaterThanOrEqual(400);
      const moved = { ...input.metadata, 'conclave-workflow': Buffer.from(await poolJob()) };
      const swapped = await decode(system, [{ ...input, metadata: moved }]);
      expect(swapped.status).toBeGreaterThanOrEqual(400);
    });

    it('may be asked for from Temporal Web, and from no other page', async () => {
      const preflight = async (origin: string): Promise<string | null> => {
        const answer = await fetch(`${system.url}/api/v1/codec/decode`, {
          method: 'OPTIONS',
          headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' },
        });
        return answer.headers.get('access-control-allow-origin');
      };
      expect(await preflight(webOrigin)).toBe(webOrigin);
      expect(await preflight('http://evil.example')).not.toBe('http://evil.example');
      expect(await preflight('http://evil.example')).not.toBe('*');
    });
  });
});

describe('the key of a run whose retention is over', () => {
  let system: System;
  beforeAll(async () => {
    system = await System.start({
      env: {
        ORCHESTRATION_SECURITY__CODEC_TOKEN: token,
        ORCHESTRATION_ORCHESTRATION__CONTENT_RETENTION_MINUTES: '0',
      },
    });
  });
  afterAll(() => system?.stop());

  const destroyed = (runId: string): Promise<unknown> =>
    eventually(
      () => keyOf(system, runId),
      ({ wrapped }) => wrapped === null,
    );

  it('is destroyed by the sweeper, with the rows that hold its payloads; not while a member is unfinished [C.9]', async () => {
    const gate = held(flags('late', 0.5));
    system.detectors.behave('a', gate.behavior);
    const open = await system.orchestrate({ content: large, processing_mode: 'async' });
    await system.detectors.called('a');
    system.detectors.behave('a', flags('soon', 0.5));
    const ended = await system.orchestrate({ content: large, processing_mode: 'async' });
    const endedRun = ended.body.job_id!;
    await system.ended(endedRun);
    await destroyed(endedRun);
    expect(await blobsOf(system, endedRun)).toEqual([]);

    const openRun = open.body.job_id!;
    expect(await keyOf(system, openRun)).toMatchObject({ wrapped: expect.any(Buffer), closed: null });
    expect(await blobsOf(system, openRun)).not.toEqual([]);
    gate.release();
    expect(await system.ended(openRun)).toMatchObject({ status: 'completed' });
    await destroyed(openRun);
    expect(await blobsOf(system, openRun)).toEqual([]);
  });

  describe('once destroyed', () => {
    const jobs: { readonly id: string; readonly history: History }[] = [];
    beforeAll(async () => {
      system.detectors.reset();
      const accepted = await Promise.all(
        [secret, large].map((content) => system.orchestrate({ content, processing_mode: 'async' })),
      );
      for (const { body } of accepted) {
        const id = body.job_id!;
        await system.ended(id);
        await destroyed(id);
        jobs.push({ id, history: await historyOf(system, id) });
      }
      // A facade that never had the keys: another may keep them in memory for a minute.
      await system.startPart('api');
    });

    it('leaves a history that nobody can decode, inline or by reference', async () => {
      for (const { history } of jobs) {
        const reading = withFreshReader(system, (reader) => reader.value(inputOf(history)));
        await expect(reading).rejects.toThrow(RunKeyDestroyedError);
      }
    });

    it('makes the codec endpoint say so', async () => {
      const notice = { destroyed: 'the retention of this run is over and its key destroyed' };
      expect(
        await decode(
          system,
          jobs.map(({ history }) => inputOf(history)),
        ),
      ).toEqual({ status: 200, values: [notice, notice] });
    });

    it('makes a re-run ask for the content again', async () => {
      for (const { id } of jobs) {
        const again = { detectors: 'all', policy: 'current' };
        const { status, body } = await system.request('POST', `/orchestrate/jobs/${id}/rerun`, again);
        expect({ status, body }).toMatchObject({ status: 409, body: { detail: 'content_expired' } });
      }
    });

    it('leaves the answer to its owner', async () => {
      for (const { id } of jobs) {
        const { body } = await system.request('GET', `/orchestrate/status/${id}`);
        expect(body).toMatchObject({ status: 'completed', result: { coverage_achieved: 1 } });
      }
    });
  });
});

describe('without a codec token', () => {
  it('there is no codec endpoint', async () => {
    const system = await System.start({ parts: ['api'] });
    try {
      const payload = toWire(defaultPayloadConverter.toPayload('x'));
      const answer = await system.request('POST', '/codec/decode', { payloads: [payload] });
      expect(answer.status).toBe(404);
    } finally {
      await system.stop();
    }
  });
});
