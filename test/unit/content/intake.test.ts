import { settingsSchema } from '../../../src/contract/config';
import { type SentRequest, sentRequestSchema } from '../../../src/contract/request';
import type { Examined, SentFile } from '../../../src/content/examiner';
import { ContentIntake } from '../../../src/content/intake';
import type { OpenedFile } from '../../../src/content/uploads';
import { pdf, png, pngOf } from '../../support/documents';

const contentRef = 'content-8f14e45f-ceea-467f-a2d1-3f1c0c4b7a10';
const digest = 'd'.repeat(64);
const uploaded: OpenedFile = {
  contentType: 'document',
  content: 'its text',
  source: { digest, gaps: ['images'] },
};

let examined: SentFile[] = [];
beforeEach(() => (examined = []));

function intakeWith(settings: object = {}) {
  const { orchestration, content } = settingsSchema.parse(settings);
  return new ContentIntake({
    uploads: { open: (tenantId, ref) => Promise.resolve({ ...uploaded, content: `${tenantId} ${ref}` }) },
    examiner: {
      examine: (file) => {
        examined.push(file);
        const body = Buffer.from('its text');
        return Promise.resolve({ body, source: { digest, gaps: [] } } as unknown as Examined);
      },
    },
    sla: orchestration,
    settings: content,
  });
}

function take(overrides: object, receivedAt = Date.now()) {
  return intakeWith().take(sent(overrides), receivedAt);
}

function sent(overrides: object): SentRequest {
  return sentRequestSchema.parse({
    content_type: 'document',
    tenant_id: 'acme',
    policy_bundle: 'default',
    environment: 'dev',
    ...overrides,
  });
}

describe('Taking content in [5.1]', () => {
  it('puts the uploaded content in the place of its reference', async () => {
    const { request, routingTokens } = await take({ content_ref: contentRef });
    expect(request).toMatchObject({
      content: `acme ${contentRef}`,
      content_type: 'document',
      source: { digest, gaps: ['images'] },
    });
    expect(request).not.toHaveProperty('content_ref');
    expect(routingTokens).toEqual(['inferred=document', 'not_extracted=images']);
  });

  it('refuses a reference to content of another type', async () => {
    await expect(take({ content_ref: contentRef, content_type: 'image' })).rejects.toMatchObject({
      detail: 'content_type_mismatch',
      fieldErrors: [{ path: 'content_type', message: expect.stringContaining('document') as string }],
    });
  });

  it.each(['', 'data:application/pdf;base64,'])(
    'takes the text out of a PDF in base64 (%s)',
    async (head) => {
      const file = pdf(['words']);
      const { request } = await take({ content: head + file.toString('base64') });
      expect(request).toMatchObject({ content: 'its text', source: { digest } });
      expect(examined[0]!.bytes.equals(file)).toBe(true);
      expect(examined[0]!.withinMs).toBeLessThanOrEqual(1000);
    },
  );

  it('gives the reading of a document for a job all its time', async () => {
    const letter = { content: pdf(['words']).toString('base64'), processing_mode: 'async' };
    await take(letter);
    expect(examined[0]!.withinMs).toBe(10_000);
    await take(letter, Date.now() - 25_000);
    expect(examined[1]!.withinMs).toBeLessThanOrEqual(5000);
  });

  it('begins the time of a job when its document has been read, and no other', async () => {
    const content = pdf(['words']).toString('base64');
    const now = Date.now();
    const long = now - 9000;
    expect((await take({ content, processing_mode: 'async' }, long)).receivedAt).toBeGreaterThanOrEqual(now);
    expect((await take({ content }, long)).receivedAt).toBe(long);
    expect((await take({ content: 'a letter', processing_mode: 'async' }, long)).receivedAt).toBe(long);
    expect((await take({ content_ref: contentRef }, long)).receivedAt).toBe(long);
  });

  it('goes on with as many at a time as are read at a time', () => {
    expect(intakeWith({ content: { max_concurrent_readings: 3 } }).atATime).toBe(3);
  });

  it('leaves a text as it is', async () => {
    expect(await take({ content: 'a letter' })).toEqual({
      request: expect.objectContaining({ content: 'a letter' }) as object,
      routingTokens: ['inferred=text'],
      receivedAt: expect.any(Number) as number,
    });
    expect(examined).toEqual([]);
  });

  it('refuses what is not of the form that it is declared as', async () => {
    const image = png(2, 2).toString('base64');
    await expect(take({ content: image })).rejects.toMatchObject({ detail: 'content_not_a_document' });
    const bomb = pngOf([['IHDR', Buffer.from('0000ffff0000ffff0802000000', 'hex')]]).toString('base64');
    await expect(take({ content: bomb, content_type: 'image' })).rejects.toMatchObject({
      detail: 'image_too_large',
    });
  });
});

describe('a request for judgement', () => {
  it.each([
    ['neither content nor a reference', {}],
    ['both', { content: 'a text', content_ref: contentRef }],
    ['a reference of another form', { content_ref: 'content-1' }],
    ['blank content', { content: ' \n' }],
  ])('is refused with %s', (_claim, fields) => {
    expect(() => sent(fields)).toThrow();
  });
});
