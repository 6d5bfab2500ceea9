import { type OrchestrationResponse, orchestrationResponseSchema } from '../../src/contract/answer';
import { maxPayloadBytes, mapperPayloadSchema } from '../../src/contract/payload';

/** What every answer keeps: its shape, a payload within the hand-off's schema and size, scores of six decimals. */
export function expectSound(body: OrchestrationResponse): void {
  expect(orchestrationResponseSchema.safeParse(body).error?.issues ?? []).toEqual([]);
  const { aggregated_payload: payload, mapping_result: mapping, ...ours } = body;
  expect(overlongNumbers({ ...ours, payload })).toEqual([]);
  expect((mapping?.notes ?? '').length).toBeLessThanOrEqual(500);
  if (payload === null) return;
  expect(mapperPayloadSchema.safeParse(payload).error?.issues ?? []).toEqual([]);
  expect(Buffer.byteLength(JSON.stringify(payload))).toBeLessThanOrEqual(maxPayloadBytes);
}

/** Paths of numbers with more than six decimals; raw values are shown as the detector sent them. */
function overlongNumbers(value: unknown, path = ''): string[] {
  if (typeof value === 'number') return Number(value.toFixed(6)) === value ? [] : [`${path}: ${value}`];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value)
    .filter(([key]) => key !== 'raw_strength' && key !== 'raw_confidence')
    .flatMap(([key, inner]) => overlongNumbers(inner, `${path}/${key}`));
}
