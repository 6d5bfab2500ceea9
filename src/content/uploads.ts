import type { ContentSource, FileType, UploadedContent } from '../contract/content';
import { ConclaveError } from '../contract/errors';
import type { StoredFile, UploadedContents } from '../store/uploaded-contents';
import { sha256 } from './digest';
import type { Examiner, SentFile } from './examiner';

export interface UploadsDependencies {
  readonly examiner: Pick<Examiner, 'examine'>;
  readonly files: UploadedContents;
  readonly settings: {
    readonly max_uploads_per_tenant: number;
    readonly max_upload_bytes_per_tenant: number;
    readonly reading_timeout_ms: number;
  };
}

export interface Upload {
  readonly tenantId: string;
  readonly bytes: Buffer;
  readonly declared: SentFile['declared'];
}

/** What a reference leads to. */
export interface OpenedFile {
  readonly contentType: FileType;
  /** An image in base64, or a document's text. */
  readonly content: string;
  readonly source: ContentSource;
}

/** Files that are too large for a request, or no text: sent first, and then judged by reference (docs/content.md). */
export class Uploads {
  constructor(private readonly deps: UploadsDependencies) {}

  /**
   * The same bytes again are the same upload.
   * @returns whether it is a new one
   * @throws ConclaveError
   */
  async accept({
    tenantId,
    bytes,
    declared,
  }: Upload): Promise<{ isNew: boolean; uploaded: UploadedContent }> {
    const { files, settings } = this.deps;
    const known = await files.renew(tenantId, sha256(bytes));
    if (known && (declared.contentType ?? known.contentType) === known.contentType) {
      return { isNew: false, uploaded: asAnswer(known) };
    }
    await this.#requireRoom(tenantId, bytes.length);
    const { source, contentType, facts, body } = await this.deps.examiner.examine({
      bytes,
      field: 'file',
      declared,
      withinMs: settings.reading_timeout_ms,
    });
    const stored = await files.put(tenantId, {
      digest: source.digest,
      contentType,
      bytes: bytes.length,
      facts,
      body,
    });
    return { isNew: true, uploaded: asAnswer(stored) };
  }

  /** @throws ConclaveError 404 `content_not_found`, for what is another tenant's too */
  async open(tenantId: string, contentRef: string): Promise<OpenedFile> {
    const file = await this.deps.files.open(tenantId, contentRef);
    if (!file) throw notFound();
    const { contentType, body, digest, facts } = file;
    return {
      contentType,
      content: body.toString(contentType === 'image' ? 'base64' : 'utf8'),
      source: { digest, gaps: facts.not_extracted },
    };
  }

  /** @throws ConclaveError 404 `content_not_found` */
  async remove(tenantId: string, contentRef: string): Promise<void> {
    if (!(await this.deps.files.remove(tenantId, contentRef))) throw notFound();
  }

  async #requireRoom(tenantId: string, bytes: number): Promise<void> {
    const { max_uploads_per_tenant: maxFiles, max_upload_bytes_per_tenant: maxBytes } = this.deps.settings;
    const held = await this.deps.files.heldBy(tenantId);
    if (held.files < maxFiles && held.bytes + bytes <= maxBytes) return;
    throw new ConclaveError(
      'INVALID_REQUEST',
      'the tenant has as much uploaded as it may: delete what has been judged, or wait until it expires',
      { detail: 'quota_exceeded' },
    );
  }
}

function asAnswer({ contentRef, digest, contentType, bytes, facts, expiresAt }: StoredFile): UploadedContent {
  return {
    content_ref: contentRef,
    content_type: contentType,
    bytes,
    digest: `sha256:${digest}`,
    expires_at: expiresAt.toISOString(),
    ...facts,
  };
}

function notFound(): ConclaveError {
  return new ConclaveError(
    'INVALID_REQUEST',
    'there is no such uploaded content, or its time is over: upload it again',
    {
      status: 404,
      detail: 'content_not_found',
      fieldErrors: [{ path: 'content_ref', message: 'leads to no content: upload it again' }],
    },
  );
}
