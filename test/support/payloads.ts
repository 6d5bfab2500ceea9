import type { Payload } from '@temporalio/common';

/** A payload in a history, with the keys that lead to it. */
export interface PlacedPayload {
  readonly path: readonly string[];
  readonly payload: Payload;
}

/** Every payload in a history or a part of one, failures and markers included. */
export function* payloadsIn(value: unknown, path: readonly string[] = []): Generator<PlacedPayload> {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  if (isPayload(value)) yield { path, payload: value };
  else for (const [key, inner] of Object.entries(value)) yield* payloadsIn(inner, [...path, key]);
}

/** The same value with every payload, wherever it stands, replaced. */
export async function mapPayloads<T>(value: T, replace: (payload: Payload) => Promise<Payload>): Promise<T> {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (isPayload(value)) return (await replace(value)) as T;
  for (const [key, inner] of Object.entries(value)) {
    (value as Record<string, unknown>)[key] = await mapPayloads<unknown>(inner, replace);
  }
  return value;
}

function isPayload(value: object): value is Payload {
  const { metadata } = value as Payload;
  return typeof metadata === 'object' && metadata !== null && 'encoding' in metadata;
}
