import type { Request, RequestHandler, Response } from 'express';
import helmet, { type HelmetOptions } from 'helmet';

/** Helmet's headers are the same for every response: it is asked for them once. */
export function securityHeaders(options: HelmetOptions): RequestHandler {
  const headers = headersOf(options);
  return (_request, response, next) => {
    response.setHeaders(headers);
    next();
  };
}

export function headersOf(options: HelmetOptions): Map<string, string> {
  const headers = new Map<string, string>();
  const collector = {
    setHeader: (name: string, value: string) => headers.set(name, value),
    removeHeader: () => undefined,
  };
  helmet(options)({} as Request, collector as unknown as Response, () => undefined);
  return headers;
}
