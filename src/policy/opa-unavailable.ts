import { ConclaveError } from '../contract/errors';

/** `opa` could not do its work, whatever the bundle says: no verdict on a bundle, and never told as one. */
export class OpaUnavailable extends ConclaveError {}

/** The program is not there, or is something else. */
export function opaAbsent(cause: unknown): OpaUnavailable {
  const message =
    'Rego can be neither compiled nor tested here: there is no working opa. Install it or name it in CONCLAVE_OPA_BIN, ' +
    'and repeat the call; policies without Rego can be put, and all that are stored go on deciding';
  return caused(new OpaUnavailable('INTERNAL_ERROR', message, { detail: 'compiler_unavailable' }), cause);
}

const retryAfterSeconds = 10;

/** The program is there, and the machine has not the time, the memory or the room for it. */
export function opaOverloaded(what: string): OpaUnavailable {
  const message = `the Rego could not be checked: ${what}. This says nothing about the policy; try again`;
  return caused(
    new OpaUnavailable('RATE_LIMITED', message, { detail: 'overloaded', retryAfterSeconds }),
    what,
  );
}

/** What is refused for a reason of ours is logged with it: in words, which hold nothing of a policy. */
function caused(error: OpaUnavailable, cause: unknown): OpaUnavailable {
  error.cause = cause instanceof Error ? cause.message : String(cause);
  return error;
}

/** Finds the program. @throws OpaUnavailable */
export async function foundOpa(find: () => Promise<string>): Promise<string> {
  return find().catch((error: unknown) => {
    throw error instanceof OpaUnavailable ? error : opaAbsent(error);
  });
}
