import type { ContentSource } from '../contract/content';
import { ConclaveError } from '../contract/errors';
import type { OrchestrationRequest, SentRequest } from '../contract/request';
import { slaOf, type SlaSettings } from '../domain/budget';
import { checkContentForm, documentIn } from './content-form';
import type { Examiner } from './examiner';
import type { Uploads } from './uploads';

export interface IntakeDependencies {
  readonly uploads: Pick<Uploads, 'open'>;
  readonly examiner: Pick<Examiner, 'examine'>;
  readonly sla: SlaSettings;
  readonly settings: {
    readonly max_image_pixels: number;
    readonly reading_timeout_ms: number;
    readonly max_concurrent_readings: number;
    readonly max_batch_content_characters: number;
  };
}

/** A request with the content that detectors get, and what the way there says of its routing. */
export interface TakenIn {
  readonly request: OrchestrationRequest;
  readonly routingTokens: readonly string[];
  /** When its time begins, epoch ms: that of a job when its document has been read. */
  readonly receivedAt: number;
}

/** Kept back from the SLA for judging: who takes longer to read uploads first. */
const judgingReserve = 0.5;

/** Makes a request out of what was sent: fetches what was uploaded, takes the text out of documents, checks the form. */
export class ContentIntake {
  constructor(private readonly deps: IntakeDependencies) {}

  /** How many of a batch to take in at a time: more would only wait for a reader, and crowd out others there. */
  get atATime(): number {
    return this.deps.settings.max_concurrent_readings;
  }

  /** Characters that one batch may hold by reference. */
  get maxFetched(): number {
    return this.deps.settings.max_batch_content_characters;
  }

  /**
   * @param share of the time that is left for reading
   * @throws ConclaveError
   */
  async take(sent: SentRequest, receivedAt: number, share = 1): Promise<TakenIn> {
    if (sent.content_ref !== undefined) return this.#uploaded(sent, sent.content_ref, receivedAt);
    const document = sent.content_type === 'document' ? documentIn(sent.content!) : null;
    if (document) return this.#document(sent, document, receivedAt, share);
    const request = asRequest(sent, sent.content!);
    const routingTokens = checkContentForm(request, this.deps.settings.max_image_pixels);
    return { request, routingTokens, receivedAt };
  }

  async #uploaded(sent: SentRequest, contentRef: string, receivedAt: number): Promise<TakenIn> {
    const { contentType, content, source } = await this.deps.uploads.open(sent.tenant_id, contentRef);
    if (contentType === sent.content_type) return taken(sent, content, source, receivedAt);
    const message = `the uploaded content is of type ${contentType}: declare it as that`;
    throw new ConclaveError('INVALID_REQUEST', message, {
      detail: 'content_type_mismatch',
      fieldErrors: [{ path: 'content_type', message }],
    });
  }

  async #document(sent: SentRequest, bytes: Buffer, receivedAt: number, share: number): Promise<TakenIn> {
    const { body, source } = await this.deps.examiner.examine({
      bytes,
      field: 'content',
      declared: { contentType: 'document', mediaType: '' },
      withinMs: this.#patience(sent, receivedAt) * share,
    });
    const readAt = sent.processing_mode === 'async' ? Date.now() : receivedAt;
    return taken(sent, body.toString(), source, readAt);
  }

  #patience({ processing_mode: mode, priority }: SentRequest, receivedAt: number): number {
    const { settings, sla } = this.deps;
    const within = mode === 'async' ? sla.async_request_sla_ms : slaOf(priority, sla) * judgingReserve;
    return Math.min(settings.reading_timeout_ms, receivedAt + within - Date.now());
  }
}

function taken(sent: SentRequest, content: string, source: ContentSource, receivedAt: number): TakenIn {
  return {
    request: { ...asRequest(sent, content), source },
    routingTokens: [
      `inferred=${sent.content_type}`,
      ...(source.gaps.length > 0 ? [`not_extracted=${source.gaps.join(',')}`] : []),
    ],
    receivedAt,
  };
}

function asRequest({ content_ref: _ref, ...request }: SentRequest, content: string): OrchestrationRequest {
  return { ...request, content };
}
