import { ConclaveError } from '../contract/errors';
import type { Refusal } from './extraction/outcome';

/** Where the content stood that is refused: in the body, or in a part of an upload. */
export type Field = 'content' | 'file';

/** 400 with what is wrong and what to do about it. */
export function refusal(field: Field, detail: string, message: string): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', message, { detail, fieldErrors: [{ path: field, message }] });
}

const remedies: Readonly<Record<Refusal, string>> = {
  encrypted: 'the document is encrypted: send it without its password',
  damaged: 'the document is damaged or was cut off: save it anew, or send its text',
  unsupported:
    'the file is of no kind that can be read: send PDF, DOCX, XLSX, PPTX, ODT, ODS, ODP or plain text in UTF-8',
  too_complex:
    'reading the document takes more memory or room than is allowed: send its text, or parts of it',
  without_text: 'no text stands in the document: send its pages as images',
};

export function documentRefusal(field: Field, reason: Refusal): ConclaveError {
  return refusal(field, `document_${reason}`, remedies[reason]);
}
