import { defaultPayloadConverter } from '@temporalio/common';
import { eventually } from '../../support/eventually';
import { flags, raw } from '../../support/fake-detectors';
import { forgetful } from '../../support/patience';
import { payloadsIn } from '../../support/payloads';
import { System } from '../../support/system';
import {
  blobsOf,
  type Decoded,
  decode,
  encodingOf,
  historyOf,
  inputOf,
  large,
  masterKeyOf,
  secret,
  token,
  toWire,
  withFreshReader,
} from './encrypted-history';

jest.setTimeout(240_000);

const webOrigin = 'http://127.0.0.1:8233';

/** What Temporal itself must be able to read: search attributes, and what its SDK notes beside a local activity. */
const readableByDesign = (place: readonly string[]): boolean =>
  place.includes('searchAttributes') ||
  (place.includes('markerRecordedEventAttributes') && place.includes('data') && !place.includes('result'));

async function runIdOf(system: System, requestId: string): Promise<string> {
  const { rows } = await system.db.query<{ run_id: string }>(
    'select run_id from orchestration where request_id = $1',
    [requestId],
  );
  return rows[0]!.run_id;
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
      env: { ...forgetful, ORCHESTRATION_SECURITY__CODEC_TOKEN: token },
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

  it('keeps what exceeds 96 KiB out of itself, encrypted, in rows of the run', async () => {
    const job = await poolJob(large);
    const history = await historyOf(system, job);
    expect(Buffer.from(inputOf(history).data!).length).toBeLessThan(1024);
    const blobs = await blobsOf(system, job);
    expect(blobs.length).toBeGreaterThan(0);
    expect(blobs.some((blob) => blob.length > 96 * 1024)).toBe(true);
    expect(blobs.some((blob) => blob.includes(large.slice(0, 20)))).toBe(false);
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
    // nonce, 32 bytes of key, tag; before them, for a key under a tenant's, which of its versions
    expect(new Set(rows.map((row) => row.wrapped_key.length))).toEqual(
      new Set([12 + 32 + 16, 8 + 12 + 32 + 16]),
    );
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
      const moved = { ...input.metadata, 'conclave-workflow': Buffer.from(await poolJob()) };
      const altered = { ...input, data };
      const swapped = { ...input, metadata: moved };
      const { status, values } = await decode(system, [altered, swapped, input]);
      expect(status).toBe(200);
      for (const shown of values.slice(0, 2)) expect(shown).toEqual({ tampered: expect.any(String) });
      expect(values[2]).not.toHaveProperty('tampered');
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
