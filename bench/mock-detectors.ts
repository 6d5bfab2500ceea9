import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';
import { serve } from './announce';
import { findingMarker } from './texts';

/**
 * Detectors of a fixed delay behind the Detectors API (`POST /api/v1/text/contents`), all in one light process; any
 * `detector-id` is one of them. A call may ask for another delay by the path prefix `/d/<ms>/` or the query
 * `?delay=<ms>`, so that a registry can make one of several slow. One whose id ends in `-hung` never answers. `/stats`
 * counts what was asked.
 */
const { values } = parseArgs({
  options: { port: { type: 'string', default: '0' }, delay: { type: 'string', default: '20' } },
});
const standardDelayMs = Number(values.delay);
const seen = { calls: 0, contents: 0 };

function answer(response: ServerResponse, status: number, body: unknown): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length })
    .end(bytes);
}

function findingsIn(text: string) {
  const at = text.indexOf(findingMarker);
  if (at < 0) return [];
  const start = [...text.slice(0, at)].length;
  return [
    {
      start,
      end: start + findingMarker.length,
      text: findingMarker,
      detection: 'toxic',
      detection_type: 'mock',
      score: 0.9,
    },
  ];
}

async function contentsOf(request: IncomingMessage): Promise<string[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { contents } = JSON.parse(Buffer.concat(chunks).toString()) as { contents?: unknown };
  if (!Array.isArray(contents) || !contents.every((content) => typeof content === 'string')) {
    throw new SyntaxError('contents must be a list of strings');
  }
  return contents;
}

async function detect(request: IncomingMessage, response: ServerResponse, delayMs: number): Promise<void> {
  const contents = await contentsOf(request);
  seen.calls += 1;
  seen.contents += contents.length;
  if (String(request.headers['detector-id']).endsWith('-hung')) return;
  const timer = setTimeout(() => answer(response, 200, contents.map(findingsIn)), delayMs);
  response.once('close', () => clearTimeout(timer));
}

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const [, pathDelay, path] = /^(?:\/d\/(\d+))?(\/.*)$/.exec(url.pathname) ?? [];
  if (path === '/api/v1/text/contents' && request.method === 'POST') {
    const delayMs = Number(url.searchParams.get('delay') ?? pathDelay ?? standardDelayMs);
    detect(request, response, delayMs).catch((error: Error) =>
      answer(response, 400, { code: 400, message: error.message }),
    );
  } else if (path === '/health') answer(response, 200, { status: 'healthy' });
  else if (path === '/stats') answer(response, 200, seen);
  else answer(response, 404, { code: 404, message: 'no such path' });
});

void serve(server, Number(values.port));
