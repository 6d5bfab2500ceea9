import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { MapperError } from './errors';

const lifetimeMs = 24 * 60 * 60 * 1000;
const maxBytes = 32 * 1024 * 1024;

interface Stored {
  readonly bodyHash: string;
  readonly answer: string;
}

/**
 * Replays answers by `Idempotency-Key` (spec/mapper.md 4, step 3). Kept in this process for 24 h or until 32 MiB of
 * newer answers displace them; mapping is a pure function, so a lost entry costs a recomputation and nothing else.
 */
export class IdempotentAnswers {
  private readonly stored = new LRUCache<string, Stored>({
    ttl: lifetimeMs,
    maxSize: maxBytes,
    sizeCalculation: ({ answer }, key) => answer.length + key.length + 100,
  });

  /**
   * The earlier answer to the same request, or the one `compute` gives now, which is then kept.
   *
   * @throws MapperError CONFLICT when the key came with another body, INVALID_REQUEST when it is malformed
   */
  answer(
    key: string | undefined,
    { scope, body }: { scope: string; body: Buffer },
    compute: () => string,
  ): { answer: string; replayed: boolean } {
    if (key === undefined) return { answer: compute(), replayed: false };
    if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
      throw new MapperError('INVALID_REQUEST', 'Idempotency-Key must be 1-255 visible ASCII characters.', {
        detail: 'idempotency_key',
      });
    }
    const place = `${scope} ${key}`;
    const bodyHash = createHash('sha256').update(body).digest('base64');
    const earlier = this.stored.get(place);
    if (earlier === undefined) {
      const answer = compute();
      this.stored.set(place, { bodyHash, answer });
      return { answer, replayed: false };
    }
    if (earlier.bodyHash !== bodyHash) {
      throw new MapperError('CONFLICT', 'The idempotency key was used with another body.', {
        detail: 'idempotency_conflict',
      });
    }
    return { answer: earlier.answer, replayed: true };
  }
}
