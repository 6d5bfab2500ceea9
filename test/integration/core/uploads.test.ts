import { randomBytes, randomUUID } from 'node:crypto';
import type { OrchestrationResponse } from '../../../src/contract/answer';
import type { UploadedContent } from '../../../src/contract/content';
import { expectContractError } from '../../support/contract-error';
import { docx, encryptedPdf, pdf, pdfPicture, png, pngOf } from '../../support/documents';
import { flags } from '../../support/fake-detectors';
import { type HttpAnswer, System } from '../../support/system';
import { uploadFile } from '../../support/upload-file';
import { batch, postBatch } from '../batch/support';

const capabilities = {
  supported_content_types: ['text', 'document', 'image'] as ('text' | 'document' | 'image')[],
  max_content_length: 20_000_000,
};
let system: System;
beforeAll(async () => {
  system = await System.start({
    detectors: [{ name: 'a', capabilities }],
    policies: {
      'demo/default': { policy: {} },
      'demo/lenient': { policy: { policy_data: { accepted_gaps: ['images'] } } },
      'other/default': { policy: {} },
    },
    env: { ORCHESTRATION_CONTENT__MAX_UPLOADS_PER_TENANT: '20' },
  });
});
afterAll(() => system?.stop());
beforeEach(() => system.detectors.reset());

const upload = <T = UploadedContent>(bytes: Buffer, tenantId?: string): Promise<HttpAnswer<T>> =>
  uploadFile<T>(system, bytes, tenantId);

const judge = (uploaded: UploadedContent, overrides: object = {}, headers: Record<string, string> = {}) =>
  system.request<OrchestrationResponse>(
    'POST',
    '/orchestrate',
    {
      content_ref: uploaded.content_ref,
      content_type: uploaded.content_type,
      tenant_id: 'demo',
      policy_bundle: 'default',
      environment: 'dev',
      ...overrides,
    },
    headers,
  );

const seenByA = () => system.detectors.callsOf('a').map(({ contents }) => contents[0]);

describe('Documents and larger images by reference [5.1]', () => {
  it('judges the text of a document that was uploaded', async () => {
    const mark = randomUUID();
    const { status, body } = await upload(docx([`Mail ${mark}`]));
    expect(status).toBe(201);
    expect(body).toMatchObject({ content_type: 'document', pages: 1, characters: 41, not_extracted: [] });
    system.detectors.behave('a', flags('email', 0.9));
    const answer = await judge(body);
    expect(answer.status).toBe(200);
    expect(answer.body.detector_results).toMatchObject([
      { detector: 'a', status: 'success', output: 'email' },
    ]);
    expect(seenByA()).toEqual([`Mail ${mark}`]);
  });

  it('judges the text of a PDF that is in the request itself, once for two equal calls with a key', async () => {
    const mark = randomUUID();
    const body = {
      content: pdf([`words ${mark}`]).toString('base64'),
      content_type: 'document',
      priority: 'low',
    };
    const key = { 'Idempotency-Key': randomUUID() };
    const [first, again] = [await system.orchestrate(body, key), await system.orchestrate(body, key)];
    expect(first.status).toBe(200);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(seenByA()).toEqual([`words ${mark}`]);
  });

  it('counts what no detector got as not judged, unless the bundle has it otherwise', async () => {
    const { body } = await upload(pdf([`words ${randomUUID()}`], { objects: [pdfPicture] }));
    expect(body.not_extracted).toEqual(['images']);
    const strict = await judge(body);
    expect([strict.status, strict.body.error_code, strict.body.coverage_achieved]).toEqual([
      206,
      'PARTIAL_COVERAGE',
      0,
    ]);
    expect(strict.body.detector_results[0]!.unjudged).toEqual([
      { reason: 'not_extracted', start: null, end: null, labels: ['images'] },
    ]);
    const lenient = await judge(body, { policy_bundle: 'lenient' });
    expect([lenient.status, lenient.body.detector_results[0]!.unjudged]).toEqual([200, undefined]);
    expect(lenient.body.routing_decision.routing_reason).toContain('not_extracted=images');
  });

  it('judges an image of megabytes as it was sent, and keeps no readable byte of it', async () => {
    const mark = randomBytes(24);
    const image = pngOf([
      ['IHDR', png(4, 4).subarray(16, 29)],
      ['teXt', Buffer.concat([mark, randomBytes(3 * 1024 * 1024)])],
    ]);
    const { body } = await upload(image);
    expect(body).toMatchObject({ content_type: 'image', media_type: 'image/png', width: 4, height: 4 });
    const answer = await judge(body, { priority: 'low' });
    expect(answer.status).toBe(200);
    expect(seenByA()).toEqual([image.toString('base64')]);
    for (const [table, column] of [
      ['uploaded_content', 'body'],
      ['blob', 'payload'],
    ]) {
      const { rows } = await system.db.query<{ bytes: Buffer }>(`select ${column} as bytes from ${table}`);
      expect(rows.length).toBeGreaterThan(0);
      expect(rows.some(({ bytes }) => bytes.includes(mark))).toBe(false);
    }
    const job = await judge(body, { processing_mode: 'async' });
    expect(job.status).toBe(202);
    expect(await system.ended(job.body.job_id!)).toMatchObject({ status: 'completed' });
  });

  it('knows the same bytes again, and answers them out of the cache', async () => {
    const file = docx([`again ${randomUUID()}`]);
    const first = await upload(file);
    const second = await upload(file);
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.body.content_ref).toBe(first.body.content_ref);
    expect((await judge(first.body)).headers.get('x-cache')).toBe('MISS');
    expect((await judge(second.body)).headers.get('x-cache')).toBe('HIT');
    expect(seenByA()).toHaveLength(1);
  });

  it('replays a key for content that had to be uploaded again', async () => {
    const file = docx([`renewed ${randomUUID()}`]);
    const { body } = await upload(file);
    const key = { 'Idempotency-Key': randomUUID() };
    const first = await judge(body, {}, key);
    await system.db.query(
      `update uploaded_content set expires_at = now() - interval '1 second' where content_ref = $1`,
      [body.content_ref],
    );
    expectContractError(await judge(body, {}, key), { status: 404, detail: 'content_not_found' });
    const renewed = await upload(file);
    expect(renewed.status).toBe(201);
    expect(renewed.body.content_ref).not.toBe(body.content_ref);
    const again = await judge(renewed.body, {}, key);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.text).toBe(first.text);
  });

  it('judges it as items of a batch; one that is gone fails alone, and a replay needs none of them [11.1]', async () => {
    const marks = [randomUUID(), randomUUID()];
    const [kept, lost] = await Promise.all(marks.map((mark) => upload(docx([`letter ${mark}`]))));
    const { content: _content, ...rest } = system.body({ content_type: 'document' });
    const remove = ({ body }: HttpAnswer<UploadedContent>) =>
      system.request('DELETE', `/orchestrate/content/${body.content_ref}`, undefined, {
        'X-Tenant-ID': 'demo',
      });
    await remove(lost!);
    const requests = [
      system.body({ content: 'a text beside them' }),
      { ...rest, content_ref: kept!.body.content_ref },
      { ...rest, content_ref: lost!.body.content_ref },
    ];
    const key = randomUUID();
    const { results } = await batch(system, { requests, key });
    expect(results.map(({ http_status, error }) => [http_status, error?.detail ?? null])).toEqual([
      [200, null],
      [200, null],
      [404, 'content_not_found'],
    ]);
    expect(seenByA()).toEqual(expect.arrayContaining([`letter ${marks[0]}`]));
    expect(seenByA()).toHaveLength(2);
    await remove(kept!);
    const again = await postBatch(system, { requests, key });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.body.results).toEqual(results);
    expect(seenByA()).toHaveLength(2);
  });

  it('lets nobody judge or delete what is another tenant’s', async () => {
    const { body } = await upload(docx(['ours']));
    expectContractError(await judge(body, { tenant_id: 'other' }), {
      status: 404,
      detail: 'content_not_found',
    });
    const remove = (tenant: string) =>
      system.request('DELETE', `/orchestrate/content/${body.content_ref}`, undefined, {
        'X-Tenant-ID': tenant,
      });
    expect((await remove('other')).status).toBe(404);
    expect((await remove('demo')).status).toBe(204);
    expectContractError(await judge(body), { status: 404, detail: 'content_not_found' });
  });

  it.each<[string, () => Buffer, string]>([
    ['an encrypted PDF', () => encryptedPdf(), 'document_encrypted'],
    ['a PDF that was cut off', () => pdf(['words']).subarray(0, -50), 'document_damaged'],
    [
      'an archive that inflates without end',
      () => docx(['0'.repeat(70 * 1024 * 1024)]),
      'document_too_complex',
    ],
    ['a program', () => Buffer.from('4d5a90000300000004000000ffff0000', 'hex'), 'document_unsupported'],
  ])('refuses %s with the reason and the remedy, and goes on', async (_claim, file, detail) => {
    const { body } = expectRefusal(await upload<unknown>(file()), detail);
    expect(JSON.stringify(body)).not.toContain('words');
    expect((await system.request('GET', '/health/live')).status).toBe(200);
  });

  it('keeps so many for a tenant and no more', async () => {
    const statuses = [];
    for (let number = 0; number <= 20; number++) {
      const { status, body } = await upload<{ detail?: string }>(Buffer.from(`text ${number}`), 'other');
      statuses.push(body.detail ?? status);
    }
    expect(statuses).toEqual([...Array<number>(20).fill(201), 'quota_exceeded']);
  });
});

function expectRefusal(answer: HttpAnswer<unknown>, detail: string) {
  expectContractError(answer, { status: 400, detail, paths: ['file'] });
  return answer;
}
