import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import fc from 'fast-check';
import { KeyRing, RunKeyDestroyedError } from '../../../src/store/key-ring';
import { MasterKeys } from '../../../src/store/master-keys';
import { createDataConverter, EncryptingCodec, PayloadReader } from '../../../src/store/payload-codec';
import { incompressible } from '../../support/incompressible';
import { FakeDatabase } from './fake-database';

const payloadOf = (value: unknown): Payload => defaultPayloadConverter.toPayload(value);
const inRun = (workflowId: string) => ({ type: 'workflow' as const, namespace: 'default', workflowId });
const text = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString();

describe('the payload codec', () => {
  let store: FakeDatabase;
  let keys: KeyRing;
  let codec: EncryptingCodec;
  let reader: PayloadReader;
  beforeEach(async () => {
    store = new FakeDatabase();
    const master = randomBytes(32);
    keys = new KeyRing(store.db, new MasterKeys(() => [master]));
    codec = new EncryptingCodec(keys);
    reader = new PayloadReader(store.db, keys);
    for (const runId of ['run-1', 'run-2']) {
      const { wrapped } = await keys.newRunKey(runId, 'demo');
      store.runKeys.set(runId, { tenant_id: 'demo', wrapped_key: wrapped });
    }
  });

  async function encoded(value: unknown, workflowId = 'run-1'): Promise<Payload> {
    const [payload] = await codec.encode([payloadOf(value)], inRun(workflowId));
    return payload!;
  }

  function destroy(runId: string): void {
    store.runKeys.set(runId, { tenant_id: 'demo', wrapped_key: null });
    keys.forgetRunKey(runId);
  }

  it('gives back every value as it was', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const plain = payloadOf(value);
        const [decoded] = await codec.decode(await codec.encode([plain], inRun('run-1')));
        expect(text(decoded!.data)).toBe(text(plain.data));
        expect(text(decoded!.metadata!['encoding'])).toBe(text(plain.metadata!['encoding']));
      }),
      { seed: 7, numRuns: 100 },
    );
  });

  it('compresses what repeats itself before it encrypts it, and leaves small values alone', async () => {
    const members = Array.from({ length: 100 }, (_, n) => ({ request_id: `r${n}`, status: 'success' }));
    const large = await encoded(members);
    expect(large.data!.length).toBeLessThan(payloadOf(members).data!.length / 5);
    expect(text(large.metadata!['conclave-compression'])).toBe('deflate');
    expect(defaultPayloadConverter.fromPayload((await codec.decode([large]))[0]!)).toEqual(members);
    expect((await encoded('a')).metadata).not.toHaveProperty('conclave-compression');
  });

  it('shows nothing of the value but its length: not its text, nor how it was encoded, nor that two are equal', async () => {
    const secret = 'the quick brown fox';
    const [one, two] = [await encoded(secret), await encoded(secret)];
    expect(text(one.metadata!['encoding'])).toBe('binary/encrypted');
    expect(Object.keys(one.metadata!).sort()).toEqual(['conclave-key', 'conclave-workflow', 'encoding']);
    expect(Buffer.from(one.data!).includes('quick')).toBe(false);
    expect(Buffer.from(one.data!).includes('json/plain')).toBe(false);
    expect(Buffer.from(one.data!).equals(Buffer.from(two.data!))).toBe(false);
  });

  it('refuses ciphertext in which any one bit was turned, or that was cut', async () => {
    const payload = await encoded('a short value');
    const bytes = Buffer.from(payload.data!);
    for (let at = 0; at < bytes.length; at++) {
      const tampered = Buffer.from(bytes);
      tampered[at]! ^= 1 << (at % 8);
      await expect(codec.decode([{ ...payload, data: tampered }])).rejects.toThrow();
    }
    for (const length of [0, 1, 12, 27, bytes.length - 1]) {
      await expect(codec.decode([{ ...payload, data: bytes.subarray(0, length) }])).rejects.toThrow();
    }
  });

  it('refuses a payload that was moved to another run, or is said to be under another key', async () => {
    const payload = await encoded('of run 1');
    const claim = (metadata: Record<string, string>): Payload => ({
      ...payload,
      metadata: {
        ...payload.metadata,
        ...Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, Buffer.from(value)])),
      },
    });
    await expect(codec.decode([claim({ 'conclave-workflow': 'run-2' })])).rejects.toThrow();
    await expect(codec.decode([claim({ 'conclave-key': 'service' })])).rejects.toThrow();
    await expect(codec.decode([payload])).resolves.toHaveLength(1);
  });

  it('encrypts under the service key only what belongs to no run', async () => {
    const child = await encoded('INTERNAL_ERROR', 'job-of-a-failed-child');
    const [workflowless] = await codec.encode([payloadOf('the worker broke down')]);
    for (const payload of [child, workflowless!]) {
      expect(text(payload.metadata!['conclave-key'])).toBe('service');
      expect(text(payload.metadata!['encoding'])).toBe('binary/encrypted');
    }
    expect(await reader.value(child)).toBe('INTERNAL_ERROR');
    expect(await reader.value(workflowless!)).toBe('the worker broke down');
    expect(text((await encoded('content')).metadata!['conclave-key'])).toBe('run');
  });

  it('passes on what it did not encrypt', async () => {
    const plain = payloadOf({ search: 'attribute' });
    expect(await codec.decode([plain])).toEqual([plain]);
  });

  it('neither reads nor writes for a run whose key is destroyed, and says why', async () => {
    const payload = await encoded('gone soon');
    destroy('run-1');
    await expect(reader.value(payload)).rejects.toThrow(RunKeyDestroyedError);
    await expect(encoded('too late')).rejects.toThrow(RunKeyDestroyedError);
    store.runKeys.delete('run-1');
    await expect(reader.value(payload)).rejects.toThrow(RunKeyDestroyedError);
    expect(await reader.value(await encoded('still here', 'run-2'))).toBe('still here');
  });

  it('waits while the store is away: a worker whose codec throws ends', async () => {
    const payload = await encoded('read when it is back');
    keys.forgetRunKey('run-1');
    const gone = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    store.failures.push(gone, gone);
    expect(await reader.value(payload)).toBe('read when it is back');
    keys.forgetRunKey('run-1');
    store.failures.push(gone);
    expect(await reader.value(await encoded('written then'))).toBe('written then');
    expect(store.failures).toEqual([]);
  });

  describe('with payloads over 96 KiB', () => {
    const large = incompressible(50_000);

    /** What the SDK does with a payload on its way out, codec first. */
    async function stored(value: unknown): Promise<{ payload: Payload; claim: Record<string, string> }> {
      const { externalStorage } = createDataConverter(store.db, keys);
      const driver = externalStorage!.driverSelector({}, await encoded(value))!;
      const target = { kind: 'workflow' as const, namespace: 'default', id: 'run-1' };
      const payload = await encoded(value);
      const [claim] = await driver.store({ target }, [payload]);
      return { payload, claim: claim!.claimData };
    }

    it('moves them, encrypted already, to rows of their run', async () => {
      const { externalStorage } = createDataConverter(store.db, keys);
      expect(externalStorage!.payloadSizeThreshold).toBe(96 * 1024);
      const { claim, payload } = await stored(large);
      const row = store.blobs.get(claim['blob_id']!)!;
      expect(row.run_id).toBe('run-1');
      expect(row.payload.includes(Buffer.from(payload.data!))).toBe(true);
      expect(row.payload.includes(large.slice(0, 20))).toBe(false);
    });

    it('says that the key is destroyed when their row went with it', async () => {
      const { claim } = await stored(large);
      const { externalStorage } = createDataConverter(store.db, keys);
      const [driver] = externalStorage!.drivers;
      const [back] = await driver!.retrieve({}, [{ claimData: claim }]);
      expect(await reader.value(back!)).toBe(large);
      store.blobs.clear();
      await expect(driver!.retrieve({}, [{ claimData: claim }])).rejects.toThrow(RunKeyDestroyedError);
    });
  });
});
