import { z } from 'zod';

/** A path on the host that it is added to: what begins with `//` or `/\\` would lead to another, with our credentials. */
export const urlPathSchema = z
  .string()
  .max(2000)
  .regex(/^\/(?![/\\])[!-~]*$/, 'must begin with one slash, and have visible ASCII characters only');
