import { z } from 'zod';

/** What a detector calls its finding: something must be left of it when what no store takes is gone. */
export const labelSchema = z.string().regex(/[^\s\0\p{Surrogate}]/u);
