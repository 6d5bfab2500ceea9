import { connectionHeaders } from '../contract/connection-headers';
import type { EndpointConfig } from '../contract/upstream';
import type { AuthHeaders } from '../outbound/credentials';

/** Names and values in turn, repeats and order as they came. */
export type RawHeaders = readonly string[];

/** Who asked, over what. */
export interface Caller {
  readonly requestId: string;
  readonly correlationId: string;
  readonly traceparent: string;
  readonly address: string;
  readonly protocol: string;
  readonly host: string;
}

/** What callers show to the gateway itself; never passed on. */
const gatewayPrefix = 'x-gateway-';
const credentialHeaders = ['authorization', 'x-api-key'];
const replaced = ['host', 'expect', 'x-request-id', 'x-correlation-id', 'traceparent'];
const forwarded = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'] as const;

/** Whether the caller's own Authorization and X-API-Key are meant for the upstream. */
export function forwardsCredentials({ forward_credentials, auth_type }: EndpointConfig): boolean {
  return forward_credentials ?? auth_type !== 'none';
}

export function requestHeaders(
  raw: RawHeaders,
  config: EndpointConfig,
  caller: Caller,
  credentials: AuthHeaders,
  hasBody: boolean,
): string[] {
  const chain = (name: string, value: string): string => [...valuesOf(raw, name), value].join(', ');
  const { remove_headers, set_headers } = config.transform;
  const own: Record<string, string> = {
    'X-Forwarded-For': chain('x-forwarded-for', caller.address),
    'X-Forwarded-Proto': chain('x-forwarded-proto', caller.protocol),
    'X-Forwarded-Host': chain('x-forwarded-host', caller.host),
    'X-Request-ID': caller.requestId,
    'X-Correlation-Id': caller.correlationId,
    traceparent: caller.traceparent,
    ...set_headers,
    ...credentials,
  };
  const gone = lowerCase([
    ...connectionHeaders,
    ...namedByConnection(raw),
    ...replaced,
    ...forwarded,
    ...(forwardsCredentials(config) ? [] : credentialHeaders),
    ...(hasBody ? [] : ['content-length']),
    ...remove_headers,
    ...Object.keys(own),
  ]);
  return [
    ...without(raw, (name) => gone.has(name) || name.startsWith(gatewayPrefix)),
    ...Object.entries(own).flat(),
  ];
}

export function responseHeaders(
  raw: RawHeaders,
  { transform }: EndpointConfig,
  added: Readonly<Record<string, string>>,
): string[] {
  const own = { ...transform.response_set_headers, ...added };
  const gone = lowerCase([
    ...connectionHeaders,
    ...namedByConnection(raw),
    'server',
    ...transform.response_remove_headers,
    ...Object.keys(own),
  ]);
  return [...without(raw, (name) => gone.has(name)), ...Object.entries(own).flat()];
}

/** The values of a header, in their order. @param name in lower case */
export function valuesOf(raw: RawHeaders, name: string): string[] {
  return raw.filter((_value, index) => index % 2 === 1 && raw[index - 1]!.toLowerCase() === name);
}

export function without(raw: RawHeaders, isGone: (lowerCaseName: string) => boolean): string[] {
  return raw.filter((_text, index) => !isGone(raw[index - (index % 2)]!.toLowerCase()));
}

function namedByConnection(raw: RawHeaders): string[] {
  return valuesOf(raw, 'connection').flatMap((value) => value.split(',').map((name) => name.trim()));
}

function lowerCase(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.map((name) => name.toLowerCase()));
}
