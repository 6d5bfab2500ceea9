import { ConclaveError, GatewayError } from '../contract/errors';
import { IssuerAwayError } from './issuer-keys';

/**
 * Has gateway paths say in their own words that it cannot be known who calls, since the store or the issuer of tokens does
 * not answer (spec/README.md "Engine or store unreachable").
 */
export async function orUnavailable<T>(
  paths: 'orchestration' | 'gateway',
  attempt: () => Promise<T>,
): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (paths === 'orchestration' || !isAway(error)) throw error;
    throw new GatewayError('STORE_UNAVAILABLE', 'it cannot be known now who calls; try again in a moment');
  }
}

function isAway(error: unknown): boolean {
  if (error instanceof IssuerAwayError) return true;
  return error instanceof ConclaveError && error.code === 'INTERNAL_ERROR';
}
