import type { NextFunction, Request, Response } from 'express';
import { ConclaveError } from '../contract/errors';
import type { Identity } from '../contract/identity';
import { tenantPattern } from '../contract/text';
import { endpointOf } from './principal';
import { contextOf } from './request-context';

/** What a call leaves in the audit log: that somebody did it; the decision that it was about; nothing. */
export type Leaves = 'operation' | 'decision' | 'nothing';

export type Actor = Pick<Identity, 'subject' | 'tenantId' | 'roles' | 'method'>;

/** What somebody has done, or tried to do (docs/adr/0032-operations-on-record.md). */
export interface Operation {
  /** Null: nobody that is known. */
  readonly actor: Actor | null;
  /** Null: of no single one. */
  readonly tenantId: string | null;
  /** Method, and template of the path. */
  readonly action: string;
  readonly target: Readonly<Record<string, unknown>>;
  readonly status: number;
  /** Whether the answer was given before, under the same Idempotency-Key. */
  readonly isReplay: boolean;
  readonly error: string | null;
  readonly address: string;
  readonly requestId: string;
  readonly correlationId: string;
}

interface Concern {
  /** In whose chain it is to be, if the credential is bound to none. */
  readonly tenantId?: string | null;
  /** Instead of the parameters of the path. */
  readonly target?: Readonly<Record<string, unknown>>;
}

const readMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/** What changes something leaves an operation, unless its route declares that it does not. */
export function isOperation({ method, route }: Request, leaves: Leaves | undefined): boolean {
  // Routers that are used, not routed to, declare for what they hand on.
  if (route === undefined) return false;
  return (leaves ?? (readMethods.has(method) ? 'nothing' : 'operation')) === 'operation';
}

/** Says what an operation is about, where the path does not. */
export function concerns(response: Response, concern: Concern): void {
  response.locals['concern'] = { ...(response.locals['concern'] as Concern | undefined), ...concern };
}

/** Says who it turned out to be, where nobody is asked. */
export function actsAs(response: Response, actor: Actor): void {
  response.locals['actor'] = actor;
}

/** Has the answer leave when the operation is on record; one that cannot be put there is answered as an error. */
export function holdUntilOnRecord(
  request: Request,
  response: Response,
  next: NextFunction,
  record: (operation: Operation) => Promise<void>,
): void {
  // Routers take them back when they are left.
  const { params } = request;
  const action = endpointOf(request);
  const end = response.end.bind(response) as (...rest: unknown[]) => Response;
  response.end = ((...rest: unknown[]) => {
    response.end = end as Response['end'];
    record({ ...operationOf(request, response, params), action }).then(
      () => end(...rest),
      (error: unknown) => next(unrecorded(error)),
    );
    return response;
  }) as Response['end'];
}

function operationOf(
  request: Request,
  response: Response,
  params: Request['params'],
): Omit<Operation, 'action'> {
  const { requestId, correlationId } = contextOf(response);
  const concern = (response.locals['concern'] ?? {}) as Concern;
  const actor = (response.locals['actor'] ?? response.locals['identity'] ?? null) as Actor | null;
  const isDone = response.statusCode < 400;
  const made = response.get('location');
  return {
    actor: actor && { ...actor, subject: nameOf(request, actor) },
    tenantId:
      actor &&
      (actor.tenantId ?? tenantNamed(request, isDone ? [concern.tenantId, params['tenant_id']] : [])),
    target: { ...(concern.target ?? params), ...(isDone && made !== undefined && { made }) },
    status: response.statusCode,
    isReplay: response.hasHeader('Idempotency-Replayed'),
    error: (response.locals['error'] as string | undefined) ?? null,
    address: request.ip ?? 'unknown',
    // Of what begins a job it is the job's.
    requestId: response.get('x-request-id') ?? requestId,
    correlationId,
  };
}

/** @param first who is known to be one: a name in a path or header is only a text */
function tenantNamed(request: Request, first: readonly unknown[]): string | null {
  const isName = (name: unknown): name is string => typeof name === 'string' && tenantPattern.test(name);
  return [...first, request.get('x-tenant-id')].find(isName) ?? null;
}

const saidForm = /^[\x21-\x7e]{1,100}$/;

/** While nobody is asked it is who the caller says. */
function nameOf(request: Request, { method, subject }: Actor): string {
  const said = method === 'none' ? request.get('x-principal') : undefined;
  return said !== undefined && saidForm.test(said) ? said : subject;
}

function unrecorded(cause: unknown): ConclaveError {
  const message = 'what was done could not be put on record: look whether it was done before trying again';
  return Object.assign(new ConclaveError('INTERNAL_ERROR', message, { detail: 'not_on_record' }), { cause });
}
