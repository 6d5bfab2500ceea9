import type { DeclaredRoute } from './access';
import { answer } from './openapi-parts';

export const securitySchemes = {
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'An API key' },
  bearer: { type: 'http', scheme: 'bearer', description: 'An access token (JWT), or an API key' },
};

interface Operation {
  readonly responses: Readonly<Record<string, object>>;
  readonly servers?: readonly { readonly url: string }[];
}
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>;

const badRequest = answer('INVALID_REQUEST, such as `waf_blocked`', 'ErrorResponse');
const unauthorized = answer('UNAUTHORIZED: no credential, or none that is valid', 'ErrorResponse');
const forbidden = answer('INSUFFICIENT_RBAC: the credential does not permit this', 'ErrorResponse');

/** Paths with what each operation asks of its callers, as its route declares it. */
export function withAccess(paths: Paths, routes: readonly DeclaredRoute[]): object {
  const accessOf = new Map(routes.map(({ method, path, access }) => [keyOf(method, path), access]));
  return Object.fromEntries(
    Object.entries(paths).map(([path, operations]) => [
      path,
      Object.fromEntries(
        Object.entries(operations).map(([method, operation]) => {
          const whole = operation.servers?.[0]?.url === '/' ? path : `/api/v1${path}`;
          return [method, secured(operation, accessOf.get(keyOf(method, whole)))];
        }),
      ),
    ]),
  );
}

/** However a parameter is called. */
function keyOf(method: string, path: string): string {
  return `${method} ${path.replace(/\{\w+\}/g, '{}')}`;
}

function secured(operation: Operation, access: DeclaredRoute['access'] | undefined): object {
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
