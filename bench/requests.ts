import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { bundleNames, detectorsOf } from './bundles';

/** What a request asks for, and in whose language; only the content differs from one request to the next. */
export const requestShapeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('orchestration'), bundle: z.enum(bundleNames) }),
  /** POST /orchestrate/batch. */
  z.object({ kind: z.literal('batch'), bundle: z.enum(bundleNames), items: z.int().positive() }),
  /** A peer's FMS v2 content detection. */
  z.object({ kind: z.literal('fms'), bundle: z.enum(bundleNames) }),
]);
export type RequestShape = z.output<typeof requestShapeSchema>;

export interface BenchRequest {
  headers: Record<string, string>;
  body: string;
}

const json = { 'content-type': 'application/json' };

/** One orchestration request of the bench's tenant; also a line of the bulk route. */
export function orchestrationOf(content: string, bundle: string) {
  return { content, content_type: 'text', tenant_id: 'demo', policy_bundle: bundle, environment: 'dev' };
}

/** The next request of a shape, with contents out of `texts`. */
export function requestOf(shape: RequestShape, texts: Iterator<string, never>): BenchRequest {
  const next = () => texts.next().value;
  switch (shape.kind) {
    case 'orchestration':
      return { headers: json, body: JSON.stringify(orchestrationOf(next(), shape.bundle)) };
    case 'batch': {
      const requests = Array.from({ length: shape.items }, () => orchestrationOf(next(), shape.bundle));
      return {
        headers: { ...json, 'idempotency-key': randomUUID() },
        body: JSON.stringify({ requests }),
      };
    }
    case 'fms': {
      const detectors = Object.fromEntries(detectorsOf(shape.bundle).map((id) => [id, {}]));
      return { headers: json, body: JSON.stringify({ detectors, content: next() }) };
    }
  }
}

export function contentsIn(shape: RequestShape): number {
  return shape.kind === 'batch' ? shape.items : 1;
}
