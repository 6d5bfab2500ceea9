import type { ContentType } from '../contract/enums';
import { ConclaveError } from '../contract/errors';
import type { OrchestrationRequest } from '../contract/request';

const imageSignatures: readonly RegExp[] = [
  /^\x89PNG\r\n\x1a\n/,
  /^\xff\xd8\xff/,
  /^GIF8[79]a/,
  /^RIFF[\s\S]{4}WEBP/,
];
const dataUrl = /^data:image\/(?:png|jpeg|gif|webp);base64,/;
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;
const headLength = 64;

/**
 * Whether the content has the form its declared type asks for (spec/orchestration.md 1.1).
 * @returns tokens for `routing_reason`: the inferred type, and whether it differs
 * @throws ConclaveError INVALID_REQUEST
 */
export function checkContentForm(request: Pick<OrchestrationRequest, 'content' | 'content_type'>): string[] {
  if (request.content_type === 'image' && !isImage(request.content)) {
    throw new ConclaveError('INVALID_REQUEST', 'the content is not an image', {
      detail: 'content_not_an_image',
      fieldErrors: [
        { path: 'content', message: 'must be base64 or a data URL of a PNG, JPEG, GIF or WebP image' },
      ],
    });
  }
  const inferred = inferredType(request.content);
  if (inferred === 'document') {
    throw new ConclaveError('INVALID_REQUEST', 'no detector here can read a PDF yet: send its text', {
      detail: 'document_format_unsupported',
      fieldErrors: [
        { path: 'content', message: 'is a PDF; a detector would see only base64, so send its text instead' },
      ],
    });
  }
  const fits =
    inferred === request.content_type || (request.content_type === 'document' && inferred === 'text');
  return [`inferred=${inferred}`, ...(fits ? [] : ['content_type_mismatch'])];
}

function isImage(content: string): boolean {
  const text = content.replace(dataUrl, '');
  return base64.test(text) && imageSignatures.some((signature) => signature.test(decodedHead(text)));
}

function inferredType(content: string): ContentType {
  if (isImage(content)) return 'image';
  if (content.startsWith('JVBERi0') && base64.test(content)) return 'document';
  return looksLikeCode(content) ? 'code' : 'text';
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

function decodedHead(text: string): string {
  return Buffer.from(text.slice(0, headLength), 'base64').toString('latin1');
}
