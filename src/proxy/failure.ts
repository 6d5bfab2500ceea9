import { errors } from 'undici';
import { GatewayError } from '../contract/errors';
import { CredentialsError } from '../outbound/credentials-error';
import { OutboundRefused } from '../outbound/target-rules';

/** Whoever asked has gone: nobody is answered. */
export class CallerGone extends Error {
  override readonly name = 'CallerGone';
}

const tooLate: ReadonlySet<string> = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
]);
const notHttp: ReadonlySet<string> = new Set([
  'UND_ERR_HEADERS_OVERFLOW',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
]);

/** What a call that brought no answer is to the caller (spec/gateway.md 4, Timeouts). */
export function asGatewayError(error: unknown): GatewayError | CallerGone {
  if (error instanceof GatewayError || error instanceof CallerGone) return error;
  if (error instanceof OutboundRefused) {
    return new GatewayError('UPSTREAM_UNREACHABLE', error.message, { details: { reason: 'target_refused' } });
  }
  if (error instanceof CredentialsError) {
    return new GatewayError('UPSTREAM_UNREACHABLE', 'the credentials for the upstream cannot be had', {
      details: { reason: 'credentials' },
    });
  }
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string' && tooLate.has(code)) return timedOut();
  if (error instanceof errors.HTTPParserError || (typeof code === 'string' && notHttp.has(code))) {
    return new GatewayError('UPSTREAM_PROTOCOL_ERROR', 'the upstream did not answer in HTTP');
  }
  return new GatewayError('UPSTREAM_UNREACHABLE', 'the upstream gave no answer');
}

export function timedOut(): GatewayError {
  return new GatewayError('UPSTREAM_TIMEOUT', 'the upstream did not answer in time');
}

/** Whether the upstream is to blame, and not its registration or the caller. */
export function isUpstreamsFault(error: GatewayError): boolean {
  return error.code.startsWith('UPSTREAM_') && error.options.details?.['reason'] === undefined;
}
