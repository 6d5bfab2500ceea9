import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { findingsOf, imageSafetyDetector } from '../../../src/detectors/builtin/image-safety';
import { decodeImage } from '../../../src/detectors/builtin/image-safety/decode-image';
import type { ClassScores } from '../../../src/detectors/builtin/image-safety/model';
import { gif, png, pngOf } from '../../support/documents';

const scores = (given: Partial<ClassScores>): ClassScores => ({
  Drawing: 0,
  Hentai: 0,
  Neutral: 0,
  Porn: 0,
  Sexy: 0,
  ...given,
});

describe('what the classes of the image model mean', () => {
  it('finds nothing in neutral pictures and in drawings, however sure the model is', () => {
    expect(findingsOf(scores({ Neutral: 0.93, Drawing: 0.05, Porn: 0.02 }))).toEqual([]);
    expect(findingsOf(scores({ Drawing: 0.97, Hentai: 0.03 }))).toEqual([]);
  });

  it('says every class that is more than a guess, the likeliest first, about the whole image', () => {
    const whole = { start: 0, end: 0, type: 'sexual' };
    expect(findingsOf(scores({ Porn: 0.5500001, Sexy: 0.44, Hentai: 0.0099 }))).toEqual([
      { ...whole, label: 'porn', score: 0.55 },
      { ...whole, label: 'sexy', score: 0.44 },
    ]);
    expect(findingsOf(scores({ Hentai: 0.8, Drawing: 0.2 }))).toEqual([
      { ...whole, label: 'hentai', score: 0.8 },
    ]);
  });

  it('has a target in the label file for every label, of a category that the detector declares', () => {
    const { labels } = parse(readFileSync('taxonomy/detectors/image-safety.yaml', 'utf8')) as {
      labels: { label: string; category: string }[];
    };
    const all = findingsOf(scores({ Porn: 0.3, Sexy: 0.3, Hentai: 0.3 })).map(({ label }) => label);
    expect(labels.map(({ label }) => label).toSorted()).toEqual(all.toSorted());
    expect(new Set(labels.map(({ category }) => category))).toEqual(
      new Set(imageSafetyDetector.taxonomyCategories),
    );
  });
});

describe('decoding an image for the model', () => {
  it.each<[string, Buffer, readonly number[]]>([
    ['a PNG', png(50, 30, [200, 30, 60]), [200, 30, 60]],
    ['a GIF', gif(2), [0, 0, 0]],
  ])('makes %s of any size a square of three bytes a pixel', (_format, bytes, color) => {
    const pixels = decodeImage(bytes, 224);
    expect(pixels).toHaveLength(224 * 224 * 3);
    color.forEach((value, channel) => expect(Math.abs(pixels[channel]! - value)).toBeLessThan(8));
  });

  it.each<[string, Buffer]>([
    ['a text', Buffer.from('no image')],
    ['an image that was cut off', png(50, 30).subarray(0, 60)],
    ['a GIF that was cut off', gif(1).subarray(0, 20)],
    ['nothing', Buffer.alloc(0)],
  ])('refuses %s', (_what, bytes) => {
    expect(() => decodeImage(bytes, 224)).toThrow('cannot be decoded');
  });

  it.each<[string, readonly number[]]>([
    ['of four billion pixels', [0, 0, 0xffff, 0xffff]],
    ['that begins outside', [0, 1, 1, 1]],
  ])('does not begin with a GIF with a frame %s on a canvas of one', (_what, frame) => {
    const bytes = gif(1);
    frame.forEach((value, index) => bytes.writeUInt16LE(value, 20 + 2 * index));
    expect(() => decodeImage(bytes, 224)).toThrow('has a frame larger than itself');
  });

  it.each<[string, Buffer]>([
    [
      'PNG',
      pngOf([
        ['IHDR', Buffer.from('0000ffff0000ffff0802000000', 'hex')],
        ['IDAT', Buffer.alloc(10)],
      ]),
    ],
    [
      'GIF',
      Buffer.concat([
        Buffer.from('GIF89a\xff\xff\xff\xff\x80\x00\x00', 'latin1'),
        Buffer.alloc(6),
        gif(1).subarray(19),
      ]),
    ],
  ])('does not begin with a %s of four billion pixels', (_format, bytes) => {
    expect(() => decodeImage(bytes, 224)).toThrow('pixels');
  });
});
