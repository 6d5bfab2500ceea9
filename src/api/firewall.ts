import type { Request } from 'express';
import { ConclaveError } from '../contract/errors';
import type { Attack, FirewallAction } from '../contract/firewall';
import type { Identity } from '../contract/identity';
import { tenantPattern } from '../contract/text';
import { attackIn, attackInKey } from '../domain/attacks';
import { contextOf, replaceCorrelationId } from './request-context';
import { pathOf } from './strict-json';

/** What looked like an attack, and where; never the text. */
export interface FirewallEvent extends Attack {
  readonly action: FirewallAction;
  /** `path`, `query`, the name of a header, or the path of a field. */
  readonly where: string;
  readonly method: string;
  /** Null: not known, or nobody has asked yet. */
  readonly identity: Identity | null;
  readonly tenantId: string | null;
  readonly address: string;
  readonly requestId: string;
}

export interface FirewallDependencies {
  readonly mode: 'block' | 'monitor';
  /** Whose bodies are monitored only. */
  readonly monitoredTenants: readonly string[];
  readonly noticed: (event: FirewallEvent) => void;
}

/** Fields of a body that the firewall does not read: what is in them is to be judged, or is a policy or a configuration. */
export type Unread = readonly string[] | 'all';

/** Of a body with a policy: rules and their data name what they are against. */
export const policyTexts = ['policy', 'rego', 'rego_tests', 'fixtures'] as const;

const maxHeaders = 100;

/** Looks for attacks in what callers write outside of the content, which is evidence (spec/orchestration.md 7, docs/firewall.md). */
export class Firewall {
  readonly #monitored: ReadonlySet<string>;

  constructor(private readonly deps: FirewallDependencies) {
    this.#monitored = new Set(deps.monitoredTenants);
  }

  /** Path, query and headers. @throws ConclaveError INVALID_REQUEST `waf_blocked`, `too_many_headers` */
  readHead(request: Request): void {
    const { url, rawHeaders } = request;
    if (rawHeaders.length > 2 * maxHeaders) throw tooManyHeaders();
    this.#readTarget(request, request.originalUrl || url);
    for (let at = 1; at < rawHeaders.length; at += 2) {
      const attack = attackIn(rawHeaders[at]!, 'line');
      if (attack) this.#judge(request, attack, rawHeaders[at - 1]!.toLowerCase());
    }
  }

  /** What a body says beside `unread`. @throws ConclaveError INVALID_REQUEST `waf_blocked` */
  readBody(request: Request, body: unknown, unread: Unread): void {
    if (unread === 'all') return;
    this.#readValue(request, body, [], new Set(unread));
  }

  #readTarget(request: Request, target: string): void {
    const mark = target.indexOf('?');
    const path = mark === -1 ? target : target.slice(0, mark);
    const inPath = attackIn(path, 'line');
    if (inPath) this.#judge(request, inPath, 'path');
    if (mark === -1) return;
    for (const part of target.slice(mark + 1).split('&')) {
      const inQuery = attackIn(part.replaceAll('+', ' '), 'line');
      if (inQuery) this.#judge(request, inQuery, 'query');
    }
  }

  #readValue(request: Request, value: unknown, path: PropertyKey[], unread: ReadonlySet<string>): void {
    if (typeof value === 'string') {
      const attack = attackIn(value, 'text');
      if (attack) this.#judge(request, attack, pathOf(path));
      return;
    }
    if (typeof value !== 'object' || value === null) return;
    const isList = Array.isArray(value);
    for (const [key, inner] of Object.entries(value)) {
      if (path.length === 0 && unread.has(key)) continue;
      const attack = isList ? null : attackInKey(key);
      // The name is the attack: it is not told.
      if (attack) this.#judge(request, attack, path.length === 0 ? 'body' : pathOf(path));
      path.push(isList ? Number(key) : key);
      this.#readValue(request, inner, path, unread);
      path.pop();
    }
  }

  #judge(request: Request, attack: Attack, where: string): void {
    const identity = (request.res!.locals['identity'] as Identity | undefined) ?? null;
    const tenantId = identity && (identity.tenantId ?? namedTenant(request));
    const isMonitored = this.deps.mode === 'monitor' || (tenantId !== null && this.#monitored.has(tenantId));
    const action = attack.level === 'medium' ? 'counted' : isMonitored ? 'monitored' : 'blocked';
    this.deps.noticed({
      ...attack,
      action,
      where,
      method: request.method,
      identity,
      tenantId,
      address: request.ip ?? 'unknown',
      requestId: contextOf(request.res!).requestId,
    });
    if (action !== 'blocked') return;
    if (where === 'x-correlation-id') replaceCorrelationId(request.res!);
    throw blocked(attack, where);
  }
}

export function firewallOf(request: Request): Firewall {
  return request.app.locals['firewall'] as Firewall;
}

function tooManyHeaders(): ConclaveError {
  return new ConclaveError('INVALID_REQUEST', `the request has more than ${maxHeaders} headers`, {
    detail: 'too_many_headers',
  });
}

function namedTenant(request: Request): string | null {
  const named = request.get('x-tenant-id');
  return named !== undefined && tenantPattern.test(named) ? named : null;
}

function blocked({ type }: Attack, where: string): ConclaveError {
  const message = `looks like an attack (${type})`;
  return new ConclaveError('INVALID_REQUEST', `the request was not taken: ${where} ${message}`, {
    detail: 'waf_blocked',
    fieldErrors: [{ path: where, message }],
  });
}
