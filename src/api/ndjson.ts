import { ConclaveError } from '../contract/errors';

export interface TextLine {
  /** 1-based; blank lines count. */
  readonly line: number;
  /** Without the line's end. */
  readonly bytes: Buffer;
}

const newline = 0x0a;

/**
 * The lines of a stream that are not blank, as they come: no more than one line is kept.
 * @param onBytes sees all bytes, in order
 * @throws ConclaveError INVALID_REQUEST `line_too_long`
 */
export async function* linesOf(
  source: AsyncIterable<Buffer>,
  maxBytes: number,
  onBytes: (bytes: Buffer) => void,
): AsyncGenerator<TextLine> {
  let line = 1;
  let begun: Buffer[] = [];
  let begunBytes = 0;
  const add = (part: Buffer): void => {
    begunBytes += part.length;
    if (begunBytes > maxBytes) throw tooLong(line, maxBytes);
    begun.push(part);
  };
  const take = (): TextLine => {
    const whole = { line, bytes: begun.length === 1 ? begun[0]! : Buffer.concat(begun) };
    begun = [];
    begunBytes = 0;
    return whole;
  };
  for await (const chunk of source) {
    onBytes(chunk);
    let from = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      add(chunk.subarray(from, end));
      const whole = take();
      if (!isBlank(whole.bytes)) yield whole;
      line += 1;
      from = end + 1;
    }
    // A copy: a short rest must not keep the whole chunk.
    if (from < chunk.length) add(Buffer.from(chunk.subarray(from)));
  }
  const last = take();
  if (!isBlank(last.bytes)) yield last;
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

function tooLong(line: number, maxBytes: number): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', `line ${line} is longer than ${maxBytes} bytes`, {
    detail: 'line_too_long',
    fieldErrors: [{ path: `[${line}]`, message: `must be at most ${maxBytes} bytes` }],
  });
}
