import type { DeclaredRoute } from './access';
import { isGatewayPath } from './gate';
import { answer, idempotencyKey } from './openapi-parts';

export const securitySchemes = {
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key' },
  bearer: { type: 'http', scheme: 'bearer', description: 'An access token (JWT), or an API key' },
};

interface Operation {
  readonly responses: Readonly<Record<string, object>>;
  readonly servers?: readonly { readonly url: string }[];
  readonly security?: readonly object[];
  readonly parameters?: readonly object[];
  readonly 'x-permission'?: string | null;
  readonly 'x-reach'?: string;
}
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

const badRequest = answer('INVALID_REQUEST, such as `waf_blocked`', 'ErrorResponse');
const unauthorized = answer('UNAUTHORIZED: no credential, or none that is valid', 'ErrorResponse');
const forbidden = answer(
  'INSUFFICIENT_RBAC: the credential does not permit this; RATE_LIMITED: it has called too often',
  'ErrorResponse',
);
const conflict = answer(
  'INVALID_REQUEST: `idempotency_conflict`, `idempotency_in_progress`',
  'ErrorResponse',
);
const tooMany = answer(
  'RATE_LIMITED: the credential has called too often; `Retry-After`',
  'GatewayErrorResponse',
);

/** Paths with what each operation asks of its callers, as its route declares it. */
export function withAccess(paths: Paths, routes: readonly DeclaredRoute[]): object {
  const accessOf = new Map(routes.map(({ method, path, access }) => [keyOf(method, path), access]));
  const keyed = new Set(
    routes.filter(({ isKeyed }) => isKeyed).map(({ method, path }) => keyOf(method, path)),
  );
  return Object.fromEntries(
    Object.entries(paths).map(([path, operations]) => [
      path,
      Object.fromEntries(
        Object.entries(operations).map(([method, operation]) => {
          const whole = operation.servers?.[0]?.url === '/' ? path : `/api/v1${path}`;
          const known = limited(whole, secured(operation, accessOf.get(keyOf(method, whole))));
          return [method, keyed.has(keyOf(method, whole)) ? withKey(known) : known];
        }),
      ),
    ]),
  );
}

/** However a parameter is called. */
function keyOf(method: string, path: string): string {
  return `${method} ${path.replace(/\{\w+\}/g, '{}')}`;
}

/** Of changes that are made once under an Idempotency-Key. */
function withKey(operation: Operation): Operation {
  return {
    ...operation,
    parameters: [...(operation.parameters ?? []), idempotencyKey],
    responses: { '409': conflict, ...operation.responses },
  };
}

/** Elsewhere it is a 403, or what the facade answers. */
function limited(path: string, operation: Operation): Operation {
  if (!isGatewayPath({ originalUrl: path }) || !operation.security?.length) return operation;
  return { ...operation, responses: { '429': tooMany, ...operation.responses } };
}

function secured(operation: Operation, access: DeclaredRoute['access'] | undefined): Operation {
  // Where nothing is passed on there are no such routes either.
  if (!access) return operation;
  const responses = { '400': badRequest, ...operation.responses };
  if (access === 'anybody') return { ...operation, responses, security: [] };
  const security = [{ apiKey: [] }, { bearer: [] }];
  if (access === 'anybody_known') return { ...operation, responses, security, 'x-permission': null };
  const { permission, reach, facade } = access;
  return {
    ...operation,
    security,
    'x-permission': permission,
    'x-reach': reach,
    responses: facade ? operation.responses : { '401': unauthorized, '403': forbidden, ...responses },
  };
}
