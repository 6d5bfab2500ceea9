import { createHash } from 'node:crypto';
import type { RedisClientType } from 'redis';

interface Given {
  readonly keys: string[];
  readonly arguments: string[];
}

/** A Lua script, sent as a whole only to a Redis that does not know it. */
export class RedisScript {
  readonly #digest: string;

  constructor(private readonly lua: string) {
    this.#digest = createHash('sha1').update(lua).digest('hex');
  }

  async run(client: Pick<RedisClientType, 'evalSha' | 'eval'>, given: Given): Promise<unknown> {
    try {
      return await client.evalSha(this.#digest, given);
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('NOSCRIPT')) return client.eval(this.lua, given);
      throw error;
    }
  }
}
