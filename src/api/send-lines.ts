import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';

/**
 * Answers with lines as they come. What goes wrong before the first of them is an error like any other; later the answer
 * can only break off.
 */
export async function sendLines(
  response: Response,
  contentType: string,
  lines: AsyncIterable<string | Buffer>,
): Promise<void> {
  const coming = lines[Symbol.asyncIterator]();
  const first = await coming.next();
  response.type(contentType);
  await pipeline(Readable.from(beginningWith(first, coming)), response);
}

async function* beginningWith(
  first: IteratorResult<string | Buffer>,
  rest: AsyncIterator<string | Buffer>,
): AsyncGenerator<string | Buffer> {
  if (first.done) return;
  yield first.value;
  yield* { [Symbol.asyncIterator]: () => rest };
}
