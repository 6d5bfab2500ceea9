import type { NextFunction, Request, RequestHandler, Response, Router } from 'express';
import type { Permission } from '../contract/identity';
import { firewallOf } from './firewall';
import type { Gate, Needed } from './gate';
import { isKeyed } from './once';
import { holdUntilOnRecord, isOperation, type Leaves } from './operations';
import { rateLimitOf } from './rate-limit';

export type Access = Needed | 'anybody' | 'anybody_known';

export interface DeclaredRoute {
  readonly method: string;
  /** As OpenAPI writes it. */
  readonly path: string;
  readonly access: Access;
  /** Whether it takes an Idempotency-Key, as {@link once} has it. */
  readonly isKeyed?: boolean;
}

const accesses = new WeakMap<object, Access>();

/**
 * Declares, first among the handlers of a route, what its callers must be permitted; nobody else gets past it.
 * @param about what the route touches, default: data of one tenant
 */
export function needs(
  permission: Permission,
  about: Partial<Omit<Needed, 'permission'>> = {},
): RequestHandler {
  const access = { reach: 'tenant' as const, ...about, permission };
  return declare(access, async (request, response, next) => {
    await gateOf(request).admit(request, access);
    if (isOperation(request, access.leaves)) putOnRecord(request, response, next);
    if (access.countsItself) response.locals['owes'] = true;
    else if (!access.isUncounted) await rateLimitOf(request).consumeOther(response);
    next();
  });
}

/** Declares that whoever is known may call, whatever it is permitted. */
export function needsIdentity(): RequestHandler {
  return declare('anybody_known', async (request, response, next) => {
    await gateOf(request).recognize(request);
    if (isOperation(request, undefined)) putOnRecord(request, response, next);
    await rateLimitOf(request).consumeOther(response);
    next();
  });
}

/** Declares that anybody may call. */
export function open(leaves?: Leaves): RequestHandler {
  return declare('anybody', (request, response, next) => {
    if (isOperation(request, leaves)) putOnRecord(request, response, next);
    next();
  });
}

function putOnRecord(request: Request, response: Response, next: NextFunction): void {
  holdUntilOnRecord(request, response, next, (operation) => gateOf(request).operated(operation));
}

/** Whoever calls, the firewall comes first (spec/orchestration.md 2.2); what it refuses the router may still answer in its way. */
function declare(access: Access, handler: RequestHandler): RequestHandler {
  const guarded: RequestHandler = (request, response, next) => {
    firewallOf(request).readHead(request);
    return handler(request, response, next);
  };
  accesses.set(guarded, access);
  return guarded;
}

export function gateOf(request: Request): Gate {
  return request.app.locals['gate'] as Gate;
}

/** A layer of an Express router, as far as it is of interest here. */
interface Layer {
  readonly handle: RequestHandler;
  /** What a path must begin with to come here. */
  readonly rawPath?: unknown;
  readonly route?: {
    readonly path: string | readonly string[];
    readonly stack: readonly { readonly handle: RequestHandler; readonly method: string }[];
  };
}

/**
 * All routes of a router, and of those in it.
 * @throws Error for a route that declares no access: it must not be served
 */
export function declaredRoutes(prefix: string, router: Router): DeclaredRoute[] {
  const layers = router.stack as unknown as readonly Layer[];
  return layers.flatMap(({ handle, route }, index) => {
    if (route) return routesIn(prefix, route);
    if (isRouter(handle)) return declaredRoutes(prefix, handle);
    requireGuard(prefix, layers, index);
    return [];
  });
}

function routesIn(prefix: string, { path, stack }: NonNullable<Layer['route']>): DeclaredRoute[] {
  const paths = (Array.isArray(path) ? path : [path]) as readonly string[];
  const methods = [...new Set(stack.map(({ method }) => method))];
  return methods.flatMap((method) => {
    const handlers = stack.filter((layer) => layer.method === method).map(({ handle }) => handle);
    const access = accesses.get(handlers[0]!);
    return paths.map((one) => {
      const whole = prefix + one.replace(/:(\w+)/g, '{$1}');
      if (access) return { method, path: whole, access, isKeyed: isKeyed(handlers) };
      throw new Error(
        `${method.toUpperCase()} ${whole} declares no permission: begin with needs() or open()`,
      );
    });
  });
}

/** What is used, not routed to, must have a declaration for its path before it; handlers of errors need none. */
function requireGuard(prefix: string, layers: readonly Layer[], index: number): void {
  const { handle, rawPath } = layers[index]!;
  const before = layers[index - 1];
  const isGuarded = before && accesses.has(before.handle) && isSamePath(before.rawPath, rawPath);
  if (accesses.has(handle) || handle.length === 4 || isGuarded) return;
  throw new Error(`a handler under ${prefix} declares no permission: begin with needs() or open()`);
}

function isSamePath(one: unknown, other: unknown): boolean {
  return one !== undefined && JSON.stringify(one) === JSON.stringify(other);
}

function isRouter(handle: RequestHandler): handle is Router {
  return 'stack' in handle;
}
