import type { ContentType } from '../contract/enums';
import type { OrchestrationRequest } from '../contract/request';
import { withoutImageHead } from '../domain/image-url';
import { refuseTooManyPixels } from './examiner';
import { imageFactsOf } from './image-facts';
import { mediaTypeOf } from './media-type';
import { refusal } from './refusal';

const documentUrl = /^data:application\/[\w.+-]+;base64,/;
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;
const headLength = 684;

/**
 * Whether the content has the form its declared type asks for (spec/orchestration.md 1.1).
 * @returns tokens for `routing_reason`: the inferred type, and whether it differs
 * @throws ConclaveError INVALID_REQUEST
 */
export function checkContentForm(
  request: Pick<OrchestrationRequest, 'content' | 'content_type'>,
  maxImagePixels: number,
): string[] {
  const inferred = inferredType(request.content);
  if (request.content_type === 'image') requireImage(request.content, inferred, maxImagePixels);
  if (request.content_type === 'document' && inferred === 'image') {
    throw refusal('content', 'content_not_a_document', 'is an image: declare it as one');
  }
  if (inferred === 'document') {
    throw refusal(
      'content',
      'document_format_unsupported',
      'is a file in base64, which detectors of text cannot read: send it to POST /orchestrate with content_type document',
    );
  }
  return routingTokens(request.content_type, inferred);
}

function routingTokens(declared: ContentType, inferred: ContentType): string[] {
  const fits = inferred === declared || (declared === 'document' && inferred === 'text');
  return [`inferred=${inferred}`, ...(fits ? [] : ['content_type_mismatch'])];
}

/** The file that stands in a content as base64, when it is one that text can be taken out of. */
export function documentIn(content: string): Buffer | null {
  const text = content.replace(documentUrl, '');
  if (!isBinaryDocument(text)) return null;
  return Buffer.from(text, 'base64');
}

function requireImage(content: string, inferred: ContentType, maxPixels: number): void {
  if (inferred !== 'image') {
    throw refusal(
      'content',
      'content_not_an_image',
      'must be base64 or a data URL of a PNG, JPEG, GIF or WebP image',
    );
  }
  const facts = imageFactsOf(Buffer.from(withoutImageHead(content), 'base64'));
  if (facts) refuseTooManyPixels('content', facts, maxPixels);
}

function inferredType(content: string): ContentType {
  const image = withoutImageHead(content);
  if (base64.test(image) && headOf(image)?.contentType === 'image') return 'image';
  if (isBinaryDocument(content.replace(documentUrl, ''))) return 'document';
  return looksLikeCode(content) ? 'code' : 'text';
}

/** Other than a text, which is a document too. */
function isBinaryDocument(text: string): boolean {
  if (!base64.test(text)) return false;
  const head = headOf(text);
  return head?.contentType === 'document' && head.mediaType !== 'text/plain';
}

function headOf(text: string) {
  return mediaTypeOf(Buffer.from(text.slice(0, headLength), 'base64'));
}

/** Most non-blank lines end or begin as lines of code do; good enough for a hint in the routing reason. */
function looksLikeCode(content: string): boolean {
  const lines = content
    .slice(0, 4096)
    .split('\n')
    .filter((line) => line.trim() !== '');
  const codeLike = lines.filter((line) =>
    /[;{}]\s*$|^\s*(?:def|class|function|import|from|const|let|var|return|#include|package|public|private|if\s*\(|for\s*\()\b/.test(
      line,
    ),
  );
  return lines.length > 0 && codeLike.length / lines.length >= 0.5;
}
