import { z } from 'zod';

const payloadSchema = z.looseObject({
  metadata: z.record(z.string(), z.base64()).optional(),
  data: z.base64().optional(),
});

/** Payloads as Temporal's remote codec protocol has them, which grows. */
export const codecPayloadsSchema = z
  .looseObject({ payloads: z.array(payloadSchema).max(1000) })
  .meta({ id: 'CodecPayloads' });
export type CodecPayload = z.output<typeof payloadSchema>;
