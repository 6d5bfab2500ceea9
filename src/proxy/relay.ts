import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { UpstreamAnswer } from './exchange';
import type { RawHeaders } from './headers';

/**
 * Sends the answer on as it comes, no faster than it is read. Where the upstream breaks off, the connection to the caller is
 * cut: never a clean end that is none.
 * @param keepUpTo bytes that are kept; of a longer body, none
 * @returns the body, where it was to be kept
 */
export async function relay(
  answer: UpstreamAnswer,
  headers: RawHeaders,
  response: ServerResponse,
  keepUpTo: number | null,
): Promise<Buffer | null> {
  // Of ours that say nothing about a body of theirs.
  for (const name of response.getHeaderNames().filter(isAboutOurAnswers)) response.removeHeader(name);
  begin(response, answer.status, headers);
  response.flushHeaders();
  if (keepUpTo === null) {
    await pipeline(answer.body, response);
    return null;
  }
  const kept = keeping(keepUpTo);
  await pipeline(answer.body, kept.stream, response);
  return kept.body();
}

/** Writes status and headers, repeats kept: `writeHead` would keep only the last of each. */
export function begin(response: ServerResponse, status: number, headers: RawHeaders): void {
  response.statusCode = status;
  const pairs = headers.flatMap((name, index) =>
    index % 2 === 0 ? [[name, headers[index + 1]!] as const] : [],
  );
  for (const [name] of pairs) response.removeHeader(name);
  for (const [name, value] of pairs) response.appendHeader(name, value);
}

/** What the table of the contract does not add. */
function isAboutOurAnswers(name: string): boolean {
  return (
    name === 'cache-control' ||
    /^(cross-origin-|origin-agent-cluster$|x-dns-|x-download-|x-permitted-)/.test(name)
  );
}

function keeping(limit: number) {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const stream = new PassThrough({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes <= limit) chunks.push(chunk);
      else chunks.length = 0;
      done(null, chunk);
    },
  });
  return { stream, body: () => (bytes <= limit ? Buffer.concat(chunks) : null) };
}
