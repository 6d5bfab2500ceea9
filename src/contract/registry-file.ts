import { z } from 'zod';
import { detectorRegistrationSchema } from './registration';
import { endpointSchema } from './upstream';

/** The registry file: detectors, and every other kind of upstream. */
export const registryFileSchema = z.strictObject({
  detectors: z.array(detectorRegistrationSchema).default([]),
  endpoints: z
    .array(
      endpointSchema.refine(({ kind }) => kind !== 'detector', {
        path: ['kind'],
        error: 'detectors are listed under detectors',
      }),
    )
    .default([]),
});
