import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { type MapperPayload, type MappingResponse, mappingResponseSchema } from '../contract/payload';
import type { MapperErrorCode } from '../domain/outcome';

const maxAnswerBytes = 1024 * 1024;
const retryPauseMs = 20;

export interface MapperCall {
  readonly payload: MapperPayload;
  readonly requestId: string;
  readonly correlationId: string;
  readonly traceparent: string | null;
  /** For everything, the one retry included. */
  readonly budgetMs: number;
}

export type MapperAnswer =
  | { readonly kind: 'mapped'; readonly response: MappingResponse }
  | { readonly kind: 'failed'; readonly code: MapperErrorCode };

/** POST /map of the mapper service within a budget (spec/orchestration.md 4.3). Never throws. */
export class MapperClient {
  readonly #agent = new Agent({ connections: 64, pipelining: 1, maxResponseSize: maxAnswerBytes });
  readonly #url: string;

  constructor(
    baseUrl: string,
    private readonly serviceKey: string | null,
    /** Told how long each mapping took, whatever came of it. */
    private readonly took: (ms: number) => void = () => undefined,
  ) {
    this.#url = new URL('/api/v1/map', baseUrl).href;
  }

  async map(call: MapperCall): Promise<MapperAnswer> {
    const signal = AbortSignal.timeout(call.budgetMs);
    const began = performance.now();
    try {
      return await this.#post(call, signal).catch(async (error: unknown) => {
        if (!isConnectionError(error)) throw error;
        await delay(retryPauseMs, undefined, { signal });
        return this.#post(call, signal);
      });
    } catch {
      return failed(signal.aborted ? 'REQUEST_TIMEOUT' : 'DETECTOR_COMMUNICATION_FAILED');
    } finally {
      this.took(performance.now() - began);
    }
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }

  async #post(call: MapperCall, signal: AbortSignal): Promise<MapperAnswer> {
    const { statusCode, body } = await request(this.#url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'X-Tenant-ID': call.payload.tenant_id,
        'X-Correlation-ID': call.correlationId,
        'Idempotency-Key': `${call.requestId}:map`,
        ...(this.serviceKey === null ? {} : { 'X-API-Key': this.serviceKey }),
        ...(call.traceparent === null ? {} : { traceparent: call.traceparent }),
      },
      body: JSON.stringify(call.payload),
      signal,
      dispatcher: this.#agent,
    });
    if (statusCode !== 200) {
      // The status says it all; how its body ends must not change that.
      await body.dump({ limit: 64 * 1024, signal }).catch(() => undefined);
      if (statusCode === 408) return failed('REQUEST_TIMEOUT');
      return failed(statusCode === 429 ? 'DETECTOR_OVERLOADED' : 'DETECTOR_COMMUNICATION_FAILED');
    }
    const parsed = mappingResponseSchema.safeParse(await body.json());
    return parsed.success
      ? { kind: 'mapped', response: parsed.data }
      : failed('DETECTOR_COMMUNICATION_FAILED');
  }
}

function failed(code: MapperErrorCode): MapperAnswer {
  return { kind: 'failed', code };
}

const connectionErrors = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function isConnectionError(error: unknown): boolean {
  return connectionErrors.has(String((error as { code?: unknown } | null)?.code));
}
