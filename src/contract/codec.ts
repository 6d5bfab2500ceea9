import { z } from 'zod';

const payloadSchema = z.object({
  metadata: z.record(z.string(), z.base64()).optional(),
  data: z.base64().optional(),
});

/** Payloads as Temporal's remote codec protocol has them. */
export const codecPayloadsSchema = z
  .object({ payloads: z.array(payloadSchema).max(1000) })
  .meta({ id: 'CodecPayloads' });
export type CodecPayload = z.output<typeof payloadSchema>;
