import { ConclaveError } from '../contract/errors';
import type { SentRequest } from '../contract/request';
import { inTurns } from '../domain/in-turns';
import { documentIn } from './content-form';
import type { ContentIntake, TakenIn } from './intake';

/** A file of the batch, and who waits for it. */
interface Waiting {
  readonly sent: SentRequest;
  readonly resolve: (taken: TakenIn | Promise<TakenIn>) => void;
}

/** However many wait behind it, a document may use so much of the time that is left: less would be too little for any. */
const leastShare = 1 / 3;

/**
 * Takes in what one batch holds: texts at once, files in turns, since more of them at a time would only wait for a reader
 * and crowd out others there. Who waits for an answer comes before jobs, and no document may use up the time of the rest.
 */
export class BatchIntake {
  readonly #waiting: Waiting[] = [];
  /** Characters that were fetched by reference; what stands in the body is bounded with it. */
  #fetched = 0;

  constructor(
    private readonly intake: Pick<ContentIntake, 'take' | 'atATime' | 'maxFetched'>,
    private readonly receivedAt: number,
  ) {}

  /** Files of calls in one tick take their turns together. @throws ConclaveError */
  async take(sent: SentRequest): Promise<TakenIn> {
    if (rankOf(sent) === null) return this.intake.take(sent, this.receivedAt);
    if (this.#waiting.length === 0) setImmediate(() => void this.#takeWaiting());
    return new Promise((resolve) => this.#waiting.push({ sent, resolve }));
  }

  async #takeWaiting(): Promise<void> {
    const turns = this.#waiting.splice(0).toSorted((a, b) => rankOf(a.sent)! - rankOf(b.sent)!);
    await inTurns([...turns.entries()], this.intake.atATime, async ([index, { sent, resolve }]) => {
      const rank = rankOf(sent);
      const left = turns.slice(index).filter((other) => rankOf(other.sent) === rank).length;
      const share = Math.min(1, Math.max(leastShare, this.intake.atATime / left));
      const taken = this.#takeFile(sent, share);
      resolve(taken);
      await taken.catch(() => undefined);
    });
  }

  async #takeFile(sent: SentRequest, share: number): Promise<TakenIn> {
    const taken = await this.intake.take(sent, this.receivedAt, share);
    if (sent.content_ref === undefined) return taken;
    this.#fetched += taken.request.content.length;
    if (this.#fetched <= this.intake.maxFetched) return taken;
    const message = 'is more than one batch may hold by reference: send it in another';
    throw new ConclaveError('INVALID_REQUEST', `content_ref ${message}`, {
      detail: 'batch_content_too_large',
      fieldErrors: [{ path: 'content_ref', message }],
    });
  }
}

/** What is only fetched comes first, then documents somebody waits for, then those of jobs; null: no file. */
function rankOf({ content, content_ref, content_type, processing_mode }: SentRequest): number | null {
  if (content_ref !== undefined) return 0;
  if (content_type !== 'document' || documentIn(content!) === null) return null;
  return processing_mode === 'sync' ? 1 : 2;
}
