import type { Request, RequestHandler, Response } from 'express';
import helmet, { type HelmetOptions } from 'helmet';

const hsts = 'max-age=31536000; includeSubDomains';
const options: HelmetOptions = {
  contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'self'"] } },
  referrerPolicy: { policy: 'strict-origin-when-cross-origin' },
  // Only behind TLS.
  strictTransportSecurity: false,
  xFrameOptions: { action: 'deny' },
  // Asked for by the contract; helmet would switch it off.
  xXssProtection: false,
};

/** What every response says to browsers (spec/gateway.md 7), which is the same for all: helmet is asked once. */
export const securityHeaders: ReadonlyMap<string, string> = ofHelmet().set(
  'X-XSS-Protection',
  '1; mode=block',
);

export const addSecurityHeaders: RequestHandler = (request, response, next) => {
  response.setHeaders(securityHeaders as Map<string, string>);
  if (request.secure) response.setHeader('Strict-Transport-Security', hsts);
  next();
};

function ofHelmet(): Map<string, string> {
  const headers = new Map<string, string>();
  const collector = {
    setHeader: (name: string, value: string) => headers.set(name, value),
    removeHeader: () => undefined,
  };
  helmet(options)({} as Request, collector as unknown as Response, () => undefined);
  return headers;
}
