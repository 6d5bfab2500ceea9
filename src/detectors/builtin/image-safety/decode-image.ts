import { ResizeFilterType, ResizeFit, Transformer } from '@napi-rs/image';
import { imageSize } from 'image-size';
import { GifReader } from 'omggif';

/** Content that is no image that can be decoded, or too large a one. */
export class UndecodableImage extends Error {
  override readonly name = 'UndecodableImage';
}

const maxPixels = 40_000_000;
const jpegQuality = 95;

/**
 * The image as the model looks at it: three bytes a pixel, square, the right way up. Of an animation that is the first frame.
 * @throws UndecodableImage
 */
export function decodeImage(bytes: Buffer, size: number): Buffer {
  try {
    refuseTooLarge(bytes);
    const image = isGif(bytes) ? firstFrame(bytes) : new Transformer(bytes).rotate();
    // Once through JPEG whatever there was of depth, gray and transparency is three bytes a pixel.
    const jpeg = image
      .resize({ width: size, height: size, fit: ResizeFit.Fill, filter: ResizeFilterType.Triangle })
      .jpegSync(jpegQuality);
    return new Transformer(jpeg).rawPixelsSync();
  } catch (error) {
    throw error instanceof UndecodableImage ? error : new UndecodableImage('cannot be decoded');
  }
}

function firstFrame(bytes: Buffer): Transformer {
  const gif = new GifReader(bytes);
  // The decoder believes a frame about its size, and would make room for four billion pixels on a canvas of one.
  const { x, y, width, height } = gif.frameInfo(0);
  if (x + width > gif.width || y + height > gif.height) {
    throw new UndecodableImage('has a frame larger than itself');
  }
  const pixels = Buffer.alloc(gif.width * gif.height * 4);
  gif.decodeAndBlitFrameRGBA(0, pixels);
  return Transformer.fromRgbaPixels(pixels, gif.width, gif.height);
}

/** By its head: reading further would decode it. */
function refuseTooLarge(bytes: Buffer): void {
  const { width, height } = imageSize(bytes);
  if (width * height > maxPixels) throw new UndecodableImage(`has more than ${maxPixels} pixels`);
}

function isGif(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, 4) === 'GIF8';
}
