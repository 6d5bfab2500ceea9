import type { RequestHandler } from 'express';

/** Stands before whatever reads a body. @param approach throws ConclaveError RATE_LIMITED in a flood */
export function atFloodgate(approach: () => void): RequestHandler {
  return (_request, _response, next) => {
    approach();
    next();
  };
}
