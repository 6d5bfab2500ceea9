import { z } from 'zod';
import { type GatewayErrorCode, gatewayErrors } from './errors';

const codes = Object.keys(gatewayErrors) as [GatewayErrorCode, ...GatewayErrorCode[]];

/** The error body of gateway paths (spec/README.md "Error body"). */
export const gatewayErrorSchema = z
  .strictObject({
    error_code: z.enum(codes),
    code: z.enum(codes),
    /** The code in lower case. */
    error: z.string(),
    message: z.string(),
    retryable: z.boolean(),
    fallback_used: z.literal(false),
    request_id: z.uuid(),
    correlation_id: z.string(),
    timestamp: z.iso.datetime({ precision: 3 }),
    retry_after_seconds: z.number().nullable(),
    details: z.record(z.string(), z.json()).nullable(),
  })
  .meta({ id: 'GatewayErrorResponse' });
