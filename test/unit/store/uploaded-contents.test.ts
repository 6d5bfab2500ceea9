import type { FileFacts } from '../../../src/contract/content';
import { UploadedContents } from '../../../src/store/uploaded-contents';
import { scriptedDb } from './scripted-database';

const facts: FileFacts = {
  media_type: 'text/plain',
  width: null,
  height: null,
  pages: 1,
  characters: 5,
  not_extracted: [],
};
const file = { digest: 'd1', contentType: 'document', bytes: 5, facts, body: Buffer.from('words') } as const;
const row = {
  content_ref: 'content-1',
  digest: file.digest,
  content_type: file.contentType,
  bytes: file.bytes,
  facts,
  expires_at: new Date(),
};
const keys = {
  encryptFor: (_tenant: string, bytes: Uint8Array) => Promise.resolve(Buffer.from(bytes)),
  decryptFor: (_tenant: string, bytes: Uint8Array) => Promise.resolve(Buffer.from(bytes)),
};

/** Answers its statements one after the other, and notes which they were. */
function contentsOver(...answers: (typeof row)[][]) {
  const asked: string[] = [];
  const db = scriptedDb(({ sql }) => {
    asked.push(sql.split(' ')[0]!);
    return answers.shift() ?? [];
  });
  return { asked, contents: new UploadedContents(db, keys, 60_000) };
}

describe('storing an upload', () => {
  it('stores it anew when the same one was removed before it could be renewed', async () => {
    const { asked, contents } = contentsOver([], [], [row]);
    expect(await contents.put('acme', file)).toMatchObject({ contentRef: 'content-1', facts });
    expect(asked).toEqual(['insert', 'update', 'insert']);
  });

  it('gives up, and says so, when that happens over and over', async () => {
    await expect(contentsOver().contents.put('acme', file)).rejects.toThrow('comes and goes');
  });
});
