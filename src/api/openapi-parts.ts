export const ref = (id: string) => ({ $ref: `#/components/schemas/${id}` });

export const json = (id: string) => ({ 'application/json': { schema: ref(id) } });

export const answer = (description: string, id: string) => ({ description, content: json(id) });

export const header = (name: string, description: string, schema: object = { type: 'string' }) => ({
  name,
  in: 'header',
  required: false,
  description,
  schema,
});

export const pathParameter = (name: string, description?: string, schema: object = {}) => ({
  name,
  in: 'path',
  required: true,
  ...(description === undefined ? {} : { description }),
  schema: { type: 'string', ...schema },
});

/** Of a job, a bulk job or an upload: the word and a UUID. */
export const idAfter = (word: string) => ({
  pattern: `^${word}-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
});

export const query = (name: string, schema: object) => ({ name, in: 'query', required: false, schema });

/** What a list has given to go on with. */
export const pageToken = query('page_token', { type: 'string', pattern: '^[A-Za-z0-9_-]{1,3000}$' });
export const pageNumber = query('page_token', { type: 'string', pattern: '^[0-9]{1,18}$' });

export const correlation = header('X-Correlation-ID', 'Echoed, and passed on to detectors and mapper');

/** Parameters that every path has but the façades'. */
export const common = [
  header('X-Tenant-ID', 'Tenant; where the body names one too, they must be the same', {
    type: 'string',
    pattern: '^[A-Za-z0-9_-]{1,64}$',
  }),
  correlation,
];

export const idempotencyKey = header(
  'Idempotency-Key',
  'Repeating a call with it never runs it twice; a UUID is best',
  { type: 'string', pattern: '^[!-~]{1,64}$' },
);

/** What every path may answer. */
export const errors = {
  '400': answer('INVALID_REQUEST or POLICY_NOT_FOUND; `field_errors` names the fields', 'ErrorResponse'),
  '401': answer('UNAUTHORIZED', 'ErrorResponse'),
  '500': answer('AGGREGATION_FAILED or INTERNAL_ERROR', 'ErrorResponse'),
} as const;

export const notFound = { '404': answer('INVALID_REQUEST: there is no such thing', 'ErrorResponse') };
