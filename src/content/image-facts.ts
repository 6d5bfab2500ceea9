import { imageSize } from 'image-size';

export interface ImageFacts {
  readonly width: number;
  readonly height: number;
  /** It shows more than one picture in turn, of which judges see the first. */
  readonly animated: boolean;
}

/** What the head of an image says of it, without decoding it; null: its head is damaged. */
export function imageFactsOf(bytes: Buffer): ImageFacts | null {
  try {
    const { width, height } = imageSize(bytes);
    if (!(width > 0 && height > 0)) return null;
    return { width, height, animated: isAnimated(bytes) };
  } catch {
    return null;
  }
}

function isAnimated(bytes: Buffer): boolean {
  const head = bytes.toString('latin1', 0, 32);
  if (head.startsWith('GIF8')) return hasSecondFrame(bytes);
  if (head.startsWith('RIFF')) return head.slice(12, 16) === 'VP8X' && (bytes.readUInt8(20) & 0x02) !== 0;
  return head.startsWith('\x89PNG') && hasAnimationControl(bytes);
}

/** APNG: a chunk of that name before the pixels. */
function hasAnimationControl(png: Buffer): boolean {
  for (let at = 8; at + 8 <= png.length; at += 12 + png.readUInt32BE(at)) {
    const chunk = png.toString('latin1', at + 4, at + 8);
    if (chunk === 'acTL') return true;
    if (chunk === 'IDAT') return false;
  }
  return false;
}

const colorTableBytes = (flags: number): number => ((flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1));

function hasSecondFrame(gif: Buffer): boolean {
  let frames = 0;
  for (let at = 13 + colorTableBytes(gif.readUInt8(10)); at < gif.length;) {
    const block = gif.readUInt8(at);
    if (block === 0x2c) {
      if (++frames === 2) return true;
      at = behindSubBlocks(gif, at + 11 + colorTableBytes(gif.readUInt8(at + 9)));
    } else if (block === 0x21) {
      at = behindSubBlocks(gif, at + 2);
    } else return false;
  }
  return false;
}

function behindSubBlocks(gif: Buffer, at: number): number {
  while (at < gif.length && gif[at] !== 0) at += 1 + gif[at]!;
  return at + 1;
}
