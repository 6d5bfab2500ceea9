import '../contract/content';
import { answer, common, errors, idAfter, notFound, pathParameter } from './openapi-parts';

const refusal = (description: string) => answer(description, 'ErrorResponse');

/** Paths of uploads. */
export function contentPaths() {
  const contentRef = pathParameter('content_ref', undefined, idAfter('content'));
  return {
    '/orchestrate/content': {
      post: {
        operationId: 'uploadContent',
        summary: 'Upload an image or a document to be judged by reference',
        description:
          'A form with the part `file`. What it is its first bytes tell: PNG, JPEG, GIF, WebP; PDF, DOCX, XLSX, PPTX, ODT, ODS, ODP, text in UTF-8. The text of documents is taken out here. `content_ref` goes into POST /orchestrate in place of `content`, once or more often, until it expires. The same bytes again are the same upload.',
        parameters: common,
        requestBody: {
          required: true,
          content: {
            'multipart/form-data': {
              schema: {
                type: 'object',
                required: ['file'],
                properties: {
                  file: { type: 'string', format: 'binary' },
                  tenant_id: { type: 'string', description: 'Needed without X-Tenant-ID' },
                  content_type: { enum: ['image', 'document'], description: 'Refuses files of another type' },
                },
              },
            },
          },
        },
        responses: {
          '200': answer('Uploaded before, and kept from now on anew', 'UploadedContent'),
          '201': answer('Uploaded', 'UploadedContent'),
          ...errors,
          '403': refusal('INSUFFICIENT_RBAC (`tenant_mismatch`) or RATE_LIMITED'),
          '408': refusal('REQUEST_TIMEOUT: reading the document takes too long (`document_too_slow`)'),
        },
      },
    },
    '/orchestrate/content/{content_ref}': {
      delete: {
        operationId: 'deleteContent',
        summary: 'Forget an uploaded file before it expires',
        parameters: [contentRef, ...common],
        responses: { '204': { description: 'Forgotten' }, ...errors, ...notFound },
      },
    },
  };
}
