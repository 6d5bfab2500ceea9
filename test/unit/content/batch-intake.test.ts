import { BatchIntake } from '../../../src/content/batch-intake';
import { ConclaveError } from '../../../src/contract/errors';
import {
  orchestrationRequestSchema,
  type SentRequest,
  sentRequestSchema,
} from '../../../src/contract/request';
import { pdf } from '../../support/documents';
import { eventually } from '../../support/eventually';

const asked = {
  tenant_id: 'acme',
  policy_bundle: 'default',
  environment: 'dev',
  content_type: 'document',
};
const text = (content: string) => sentRequestSchema.parse({ ...asked, content_type: 'text', content });
const letter = (mode: 'sync' | 'async' = 'sync', mark = 'words') =>
  sentRequestSchema.parse({ ...asked, content: pdf([mark]).toString('base64'), processing_mode: mode });
const uploaded = (digit: number) =>
  sentRequestSchema.parse({ ...asked, content_ref: `content-${digit}f14e45f-ceea-467f-a2d1-3f1c0c4b7a10` });

interface Took {
  readonly sent: SentRequest;
  readonly share: number | undefined;
}

let took: Took[] = [];
beforeEach(() => (took = []));

/** What it takes in has `size` characters; `during` is what happens meanwhile. */
function intakeOf(size = 10, during: (sent: SentRequest) => Promise<void> = () => Promise.resolve()) {
  const take = async (sent: SentRequest, receivedAt: number, share?: number) => {
    took.push({ sent, share });
    await during(sent);
    const { content_ref: _ref, ...rest } = sent;
    const request = orchestrationRequestSchema.parse({ ...rest, content: 'x'.repeat(size) });
    return { request, routingTokens: [], receivedAt };
  };
  return new BatchIntake({ take, atATime: 2, maxFetched: 100 }, 7);
}

const shares = () => took.map(({ share }) => share);

describe('What a batch holds [5.1]', () => {
  it('is taken in at once where it is no file', async () => {
    const hanging = intakeOf(10, (sent) =>
      sent.content_type === 'text' ? Promise.resolve() : new Promise(() => undefined),
    );
    void hanging.take(letter());
    expect(await hanging.take(text('a'))).toMatchObject({ receivedAt: 7 });
    expect(took).toHaveLength(1);
    await eventually(
      () => took.length,
      (reads) => reads === 2,
    );
  });

  it('is fetched before anything is read, and read for those who wait before jobs', async () => {
    const intake = intakeOf();
    const items = [letter('async'), letter('sync'), uploaded(1)];
    await Promise.all(items.map((sent) => intake.take(sent)));
    expect(took.map(({ sent }) => sent)).toEqual([items[2], items[1], items[0]]);
  });

  it('is read so many at a time, and all of it', async () => {
    let reading = 0;
    let most = 0;
    const intake = intakeOf(10, async () => {
      most = Math.max(most, ++reading);
      await new Promise((resolve) => setImmediate(resolve));
      reading--;
    });
    await Promise.all(Array.from({ length: 20 }, () => intake.take(letter())));
    expect([most, took.length]).toEqual([2, 20]);
  });

  it('shares the time for reading: no document uses up that of those behind it', async () => {
    const intake = intakeOf();
    await Promise.all(Array.from({ length: 8 }, () => intake.take(letter())));
    // Eight for two readers; the last two may use all that is left.
    expect(shares()).toEqual([1 / 3, 1 / 3, 1 / 3, 2 / 5, 1 / 2, 2 / 3, 1, 1]);
  });

  it('leaves the time of those who wait to them: jobs behind them do not count', async () => {
    const intake = intakeOf();
    await Promise.all([letter('sync'), letter('async'), letter('async')].map((sent) => intake.take(sent)));
    expect(shares()).toEqual([1, 1, 1]);
  });

  it('is read on when a document cannot be', async () => {
    const refusal = new ConclaveError('INVALID_REQUEST', 'bad');
    let reads = 0;
    const intake = intakeOf(10, () => (reads++ === 0 ? Promise.reject(refusal) : Promise.resolve()));
    const results = await Promise.allSettled([1, 2, 3].map(() => intake.take(letter())));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  });

  it('is no more than a batch may hold by reference', async () => {
    const intake = intakeOf(40);
    const results = await Promise.allSettled([1, 2, 3].map((digit) => intake.take(uploaded(digit))));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(results[2]).toMatchObject({ reason: { detail: 'batch_content_too_large' } });
    // What stands in the request is bounded with it.
    expect(await intake.take(letter())).toBeDefined();
  });
});
