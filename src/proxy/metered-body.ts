import { Transform, type TransformCallback } from 'node:stream';
import { GatewayError } from '../contract/errors';

export function tooLarge(limit: number): GatewayError {
  return new GatewayError('PAYLOAD_TOO_LARGE', `the body is larger than ${limit} bytes`);
}

/** The body on its way: says when it moves, and ends where it becomes too large. */
export class MeteredBody extends Transform {
  bytes = 0;

  constructor(
    private readonly limit: number,
    private readonly moved: () => void,
  ) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.bytes += chunk.length;
    this.moved();
    if (this.bytes > this.limit) done(tooLarge(this.limit));
    else done(null, chunk);
  }
}
