import { randomUUID } from 'node:crypto';
import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ConclaveError } from '../contract/errors';
import { errorResponse } from '../domain/error-response';
import { securityHeaders } from './security-headers';

/** Answers what is no HTTP, or too much of it, so that no route has seen it; then the connection ends. */
export function answerUnreadable(error: NodeJS.ErrnoException, stream: Duplex): void {
  const socket = stream as Socket & { readonly _httpMessage?: ServerResponse | null };
  if (!socket.writable || error.code === 'ECONNRESET' || socket._httpMessage?.headersSent) {
    socket.destroy();
    return;
  }
  const refusal = refusalOf(error.code);
  const ids = { request_id: randomUUID(), correlation_id: randomUUID() };
  const json = JSON.stringify(errorResponse(refusal, ids, Date.now()));
  const lines = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(json)}`,
    'Cache-Control: no-store',
    `X-Request-ID: ${ids.request_id}`,
    `X-Correlation-ID: ${ids.correlation_id}`,
    ...[...securityHeaders].map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${json}`, () => socket.destroy());
}

function refusalOf(code: string | undefined): ConclaveError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new ConclaveError('REQUEST_TIMEOUT', 'the request did not come in time', {
      detail: 'request_too_slow',
    });
  const [message, detail] =
    code === 'HPE_HEADER_OVERFLOW'
      ? ['the headers are larger than 16 KiB', 'headers_too_large']
      : ['this is not HTTP as it should be', 'malformed_request'];
  return new ConclaveError('INVALID_REQUEST', message, { detail });
}
