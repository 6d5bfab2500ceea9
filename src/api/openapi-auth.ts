import '../contract/auth-api';
import '../contract/gateway-error';
import { answer, common, correlation, errors, json } from './openapi-parts';

const takes = (id: string) => ({ required: true, content: json(id) });
const limited = {
  '429': answer('AUTH_RATE_LIMITED: too many wrong credentials; `Retry-After`', 'GatewayErrorResponse'),
};
const verifyOnly = {
  '501': answer('NOT_SUPPORTED: tokens are only verified here', 'GatewayErrorResponse'),
};
const done = (description: string) => ({ '204': { description } });

/** Paths of tokens. */
export function authPaths() {
  return {
    '/auth/validate': {
      post: {
        operationId: 'validateToken',
        summary: 'Whether an access token is valid, and what it says',
        parameters: [correlation],
        requestBody: takes('ValidateToken'),
        responses: { '200': answer('The verdict', 'TokenValidity'), ...errors, ...limited },
      },
    },
    '/auth/user': {
      get: {
        operationId: 'whoAmI',
        summary: 'Who calls, and what they may do',
        parameters: [correlation],
        responses: { '200': answer('The caller', 'UserContext'), ...errors, ...limited },
      },
    },
    '/auth/refresh': {
      post: {
        operationId: 'refreshToken',
        summary: 'A new pair of tokens; a refresh token is good once',
        description: 'Used twice, it ends all that came of the same login.',
        parameters: [correlation],
        requestBody: takes('RefreshToken'),
        responses: { '200': answer('The pair', 'TokenPair'), ...errors, ...limited, ...verifyOnly },
      },
    },
    '/auth/logout': {
      post: {
        operationId: 'logOut',
        summary: 'End the token that is shown, and the refresh token it came with',
        parameters: [correlation],
        responses: { ...done('It is revoked, in every process within a second'), ...errors, ...limited },
      },
    },
    '/auth/revoke': {
      post: {
        operationId: 'revokeToken',
        summary: 'End a token by its id or itself; tenants end tokens of their own, by themselves',
        parameters: common,
        requestBody: takes('RevokeToken'),
        responses: { ...done('It is revoked, in every process within a second'), ...errors, ...limited },
      },
    },
    '/auth/dev-token': {
      post: {
        operationId: 'devToken',
        summary: 'A pair of tokens for anybody; only where auth.dev_tokens is on',
        parameters: [correlation],
        requestBody: takes('DevToken'),
        responses: {
          '201': answer('The pair', 'TokenPair'),
          ...errors,
          '404': answer('INVALID_REQUEST: auth.dev_tokens is off', 'ErrorResponse'),
          ...verifyOnly,
        },
      },
    },
  };
}
