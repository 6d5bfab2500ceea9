import request from 'supertest';
import type { Upload } from '../../../src/content/uploads';
import type { UploadedContent } from '../../../src/contract/content';
import { ConclaveError } from '../../../src/contract/errors';
import { type AppOptions, appWith, expectError } from './support';

const path = '/api/v1/orchestrate/content';
const contentRef = 'content-8f14e45f-ceea-467f-a2d1-3f1c0c4b7a10';
const uploaded: UploadedContent = {
  content_ref: contentRef,
  content_type: 'document',
  bytes: 3,
  digest: `sha256:${'0'.repeat(64)}`,
  expires_at: '2026-11-21T20:00:00.000Z',
  media_type: 'text/plain',
  width: null,
  height: null,
  pages: 1,
  characters: 3,
  not_extracted: [],
};

let accepted: Upload[] = [];
let removed: string[] = [];
beforeEach(() => {
  accepted = [];
  removed = [];
});

const taking = (isNew = true): AppOptions => ({
  uploads: {
    accept: (upload) => {
      accepted.push(upload);
      return Promise.resolve({ isNew, uploaded });
    },
    remove: (tenantId, ref) => {
      removed.push(`${tenantId} ${ref}`);
      return Promise.resolve();
    },
  },
});
/** A request is sent when it is awaited, so it is not handed on by a promise. */
async function caller(options = taking()) {
  const app = await appWith(options);
  return { post: () => request(app).post(path) };
}

describe('POST /orchestrate/content', () => {
  it('hands on the file and what its sender says it is', async () => {
    const response = await (
      await caller()
    )
      .post()
      .field('tenant_id', 'acme')
      .field('content_type', 'document')
      .attach('file', Buffer.from('abc'), { filename: 'a.txt', contentType: 'text/plain' });
    expect([response.status, response.body]).toEqual([201, uploaded]);
    expect(accepted).toEqual([
      {
        tenantId: 'acme',
        bytes: Buffer.from('abc'),
        declared: { contentType: 'document', mediaType: 'text/plain' },
      },
    ]);
  });

  it('takes the tenant from the header, and answers 200 to what was there before', async () => {
    const response = await (
      await caller(taking(false))
    )
      .post()
      .set('X-Tenant-ID', 'acme')
      .attach('file', Buffer.from('abc'), 'a.bin');
    expect(response.status).toBe(200);
    expect(accepted).toMatchObject([{ tenantId: 'acme', declared: { contentType: null } }]);
  });

  it.each<[string, (test: request.Test) => request.Test, string]>([
    ['no file', (test) => test.field('tenant_id', 'acme'), 'malformed_upload'],
    [
      'an empty file',
      (test) => test.field('tenant_id', 'acme').attach('file', Buffer.alloc(0), 'a'),
      'malformed_upload',
    ],
    [
      'two files',
      (test) =>
        test
          .field('tenant_id', 'acme')
          .attach('file', Buffer.from('a'), 'a')
          .attach('file', Buffer.from('b'), 'b'),
      'malformed_upload',
    ],
    ['a file of another name', (test) => test.attach('picture', Buffer.from('a'), 'a'), 'malformed_upload'],
    ['JSON', (test) => test.send({ file: 'a' }), 'malformed_upload'],
    [
      'a form without a boundary',
      (test) => test.set('content-type', 'multipart/form-data').send('a'),
      'malformed_upload',
    ],
    [
      'a form that ends too early',
      (test) =>
        test
          .set('content-type', 'multipart/form-data; boundary=x')
          .send('--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nhalf'),
      'malformed_upload',
    ],
    ['too large a file', (test) => test.attach('file', Buffer.alloc(5000), 'a'), 'body_too_large'],
    ['too large a form', (test) => test.attach('file', Buffer.alloc(40_000), 'a'), 'body_too_large'],
  ])('refuses %s', async (_claim, fill, detail) => {
    expectError(await fill((await caller()).post()), { status: 400, code: 'INVALID_REQUEST', detail });
    expect(accepted).toEqual([]);
  });

  it('refuses a file of nobody, fields that it does not know, and two tenants', async () => {
    const file = async () => (await caller()).post().attach('file', Buffer.from('a'), 'a');
    const nobody = await file();
    expect(nobody.body.field_errors).toEqual([expect.objectContaining({ path: 'tenant_id' })]);
    const unknown = await (
      await caller()
    )
      .post()
      .field('tenant_id', 'acme')
      .field('x', 'y')
      .attach('file', Buffer.from('a'), 'a');
    expect(unknown.status).toBe(400);
    const two = await (
      await caller()
    )
      .post()
      .set('X-Tenant-ID', 'other')
      .field('tenant_id', 'acme')
      .attach('file', Buffer.from('a'), 'a');
    expectError(two, { status: 403, code: 'INSUFFICIENT_RBAC', detail: 'tenant_mismatch' });
  });

  it('reads so many at a time and no more', async () => {
    const response = await (
      await caller({ ...taking(), maxConcurrentUploads: 0 })
    )
      .post()
      .field('tenant_id', 'acme')
      .attach('file', Buffer.from('a'), 'a');
    expectError(response, { status: 403, code: 'RATE_LIMITED', detail: 'overloaded' });
  });
});

describe('DELETE /orchestrate/content/{content_ref}', () => {
  it('forgets the content of the tenant that the header names', async () => {
    const app = await appWith(taking());
    const response = await request(app).delete(`${path}/${contentRef}`).set('X-Tenant-ID', 'acme');
    expect(response.status).toBe(204);
    expect(removed).toEqual([`acme ${contentRef}`]);
  });

  it('says what is not there, and asks whose it is', async () => {
    const gone = new ConclaveError('INVALID_REQUEST', 'gone', { status: 404, detail: 'content_not_found' });
    const app = await appWith({
      uploads: { accept: () => Promise.reject(gone), remove: () => Promise.reject(gone) },
    });
    const remove = (ref: string) => request(app).delete(`${path}/${ref}`);
    for (const ref of [contentRef, 'content-1']) {
      const response = await remove(ref).set('X-Tenant-ID', 'acme');
      expectError(response, { status: 404, code: 'INVALID_REQUEST', detail: 'content_not_found' });
    }
    expectError(await remove(contentRef), {
      status: 400,
      code: 'INVALID_REQUEST',
      detail: 'tenant_required',
    });
  });
});
