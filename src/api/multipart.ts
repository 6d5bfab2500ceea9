import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyFileStream } from '@fastify/busboy';
import type { Request } from 'express';
import { ConclaveError } from '../contract/errors';

export interface UploadLimits {
  readonly maxFileBytes: number;
}

export interface ReceivedUpload {
  readonly file: { readonly bytes: Buffer; readonly mediaType: string };
  readonly fields: Readonly<Record<string, string>>;
}

const maxFields = 8;
const maxFieldBytes = 256;

/**
 * A form with one file, read as it comes and never to disk; its sender waits while we do.
 * @throws ConclaveError INVALID_REQUEST
 */
export async function readUpload(request: Request, { maxFileBytes }: UploadLimits): Promise<ReceivedUpload> {
  const form = formOf(request, maxFileBytes);
  const fields: Record<string, string> = {};
  const files: { chunks: Buffer[]; mediaType: string; stream: BusboyFileStream }[] = [];
  let tooMuch = false;
  let cutOff = false;
  form.on('field', (name, value, nameTruncated, valueTruncated) => {
    tooMuch ||= nameTruncated || valueTruncated || Object.hasOwn(fields, name);
    Object.defineProperty(fields, name, { value, enumerable: true, configurable: true });
  });
  form.on('file', (name, stream, _fileName, _encoding, mediaType) => {
    if (name !== 'file') tooMuch = true;
    const chunks: Buffer[] = [];
    files.push({ chunks, mediaType, stream });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A form that breaks off inside its file says so here, and a stream that nobody hears ends the process.
    stream.on('error', () => (cutOff = true));
  });
  for (const limit of ['partsLimit', 'filesLimit', 'fieldsLimit'] as const) {
    form.on(limit, () => (tooMuch = true));
  }
  await pipeline(request, form).catch(() => (cutOff = true));
  if (cutOff) throw malformed('the form could not be read to its end');
  const [file] = files;
  if (tooMuch || files.length > 1)
    throw malformed('send one part `file`, and `tenant_id`, `content_type` at most once');
  if (!file) throw malformed('a part named `file` with a file name is needed', 'file');
  if (file.stream.truncated) throw tooLarge(maxFileBytes);
  const bytes = Buffer.concat(file.chunks);
  if (bytes.length === 0) throw malformed('the file is empty', 'file');
  return { file: { bytes, mediaType: file.mediaType }, fields };
}

function formOf(request: Request, maxFileBytes: number) {
  const type = request.get('content-type') ?? '';
  if (request.is('multipart/form-data') !== 'multipart/form-data') {
    throw malformed('the body must be a form: send Content-Type: multipart/form-data');
  }
  if (Number(request.get('content-length') ?? 0) > maxFileBytes + envelopeBytes) throw tooLarge(maxFileBytes);
  try {
    return new Busboy({
      headers: { ...request.headers, 'content-type': type },
      limits: {
        files: 1,
        fileSize: maxFileBytes,
        fields: maxFields,
        fieldSize: maxFieldBytes,
        headerPairs: 20,
      },
    });
  } catch {
    throw malformed('the form has no boundary');
  }
}

/** What a form takes beside its file. */
const envelopeBytes = 16 * 1024;

function malformed(message: string, path?: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', message, {
    detail: 'malformed_upload',
    fieldErrors: path === undefined ? [] : [{ path, message }],
  });
}

function tooLarge(maxBytes: number): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', `the file is larger than ${maxBytes} bytes`, {
    detail: 'body_too_large',
    fieldErrors: [{ path: 'file', message: `must have at most ${maxBytes} bytes` }],
  });
}
