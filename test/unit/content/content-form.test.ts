import { checkContentForm, documentIn } from '../../../src/content/content-form';
import { orchestrationRequestSchema } from '../../../src/contract/request';

function formOf(content: string, content_type: string): string[] {
  const request = { content, content_type, tenant_id: 'demo', policy_bundle: 'default', environment: 'dev' };
  return checkContentForm(orchestrationRequestSchema.parse(request), Infinity);
}
const base64 = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('base64');

const images: [format: string, bytes: string][] = [
  ['png', '\x89PNG\r\n\x1a\n rest'],
  ['jpeg', '\xff\xd8\xff\xe0 rest'],
  ['gif', 'GIF87a rest'],
  ['gif', 'GIF89a rest'],
  ['webp', 'RIFF\x01\x02\x03\x04WEBPVP8 '],
];

describe('Form of the content [5.1]', () => {
  it.each(images)('takes a %s image in base64 and as data URL', (format, bytes) => {
    expect(formOf(base64(bytes), 'image')).toEqual(['inferred=image']);
    expect(formOf(`data:image/${format};base64,${base64(bytes)}`, 'image')).toEqual(['inferred=image']);
  });

  it.each([
    'hello',
    base64('BM bitmap'),
    base64('GIF88a'),
    `data:image/bmp;base64,${base64('GIF89a')}`,
    '%PDF',
  ])('refuses %s as an image', (content) => {
    expect(() => formOf(content, 'image')).toThrow('must be base64 or a data URL');
  });

  it.each(['document', 'text', 'code'])(
    'refuses a PDF in base64 as %s, where no text is taken out of it',
    (type) => {
      expect(() => formOf(base64('%PDF-1.4 ...'), type)).toThrow('send it to POST /orchestrate');
    },
  );

  it('knows the documents that text can be taken out of', () => {
    expect(documentIn(base64('%PDF-1.4 ...'))?.toString()).toBe('%PDF-1.4 ...');
    expect(documentIn(`data:application/pdf;base64,${base64('%PDF-1.4 ...')}`)?.toString()).toBe(
      '%PDF-1.4 ...',
    );
    expect(documentIn(base64('PK\x03\x04 ...'))).not.toBeNull();
    for (const content of ['hello', base64('hello'), base64('GIF89a'), '%PDF-1.4'])
      expect(documentIn(content)).toBeNull();
  });

  it('records what the content looks like, and whether it was declared otherwise', () => {
    expect(formOf('Dear all, this is a letter.', 'text')).toEqual(['inferred=text']);
    expect(formOf('Dear all, this is a letter.', 'document')).toEqual(['inferred=text']);
    expect(formOf('Dear all, this is a letter.', 'code')).toEqual(['inferred=text', 'content_type_mismatch']);
    expect(formOf('const a = 1;\nreturn a;', 'code')).toEqual(['inferred=code']);
    expect(formOf('const a = 1;\nreturn a;', 'text')).toEqual(['inferred=code', 'content_type_mismatch']);
    expect(formOf(base64('GIF89a'), 'text')).toEqual(['inferred=image', 'content_type_mismatch']);
  });

  it('looks at hostile content without losing time', () => {
    expect(formOf(' '.repeat(49_999) + 'x', 'text')).toEqual(['inferred=text']);
    expect(formOf('A'.repeat(50_000), 'text')).toEqual(['inferred=text']);
    expect(formOf('x' + '; '.repeat(2000) + 'x', 'text')).toEqual(['inferred=text']);
  });
});
