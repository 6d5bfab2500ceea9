import { itemOf } from '../../../src/api/bulk-lines';
import { png } from '../../support/documents';
import { body } from './support';

const maxPixels = 100;

const lineOf = (overrides: object = {}) => Buffer.from(JSON.stringify({ ...body, ...overrides }));
const imageOf = (width: number, height: number) =>
  lineOf({ content: png(width, height).toString('base64'), content_type: 'image' });
const detailOf = (line: Buffer) => {
  const item = itemOf(line, maxPixels, () => undefined);
  return 'refusal' in item ? item.refusal.detail : null;
};

describe('A line of a bulk upload', () => {
  it('is a request of low priority that is run in the background', () => {
    expect(itemOf(lineOf({ processing_mode: 'sync' }), maxPixels, () => undefined)).toMatchObject({
      request: { ...body, priority: 'low', processing_mode: 'async' },
      routingTokens: ['inferred=text'],
    });
  });

  it('may ask for another priority', () => {
    expect(itemOf(lineOf({ priority: 'high' }), maxPixels, () => undefined)).toMatchObject({
      request: { priority: 'high' },
    });
  });

  it('may hold an image of as many pixels as there may be', () => {
    expect(detailOf(imageOf(10, 10))).toBeNull();
  });

  it.each([
    ['no JSON', Buffer.from('{'), 'invalid_json'],
    ['no object', Buffer.from('[]'), 'validation_failed'],
    ['null', Buffer.from('null'), 'validation_failed'],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'invalid_utf8'],
    ['no request', lineOf({ content: '' }), 'validation_failed'],
    ['ambiguous', Buffer.from(`${JSON.stringify(body).slice(0, -1)},"content":"b"}`), 'duplicate_key'],
    ['to be called back', lineOf({ metadata: { callback_url: 'http://x' } }), 'callback_not_allowed'],
    ['no image', lineOf({ content_type: 'image' }), 'content_not_an_image'],
    ['too large an image', imageOf(10, 11), 'image_too_large'],
  ])('that is %s is refused', (_what, line, detail) => {
    expect(detailOf(line)).toBe(detail);
  });
});
