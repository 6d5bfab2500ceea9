import { ConclaveError } from '../contract/errors';
import { StartUncertainError } from './run-gateway';

/** An uncertain start keeps its claim: whoever comes next with the key finds out whether the run lives. */
export async function startFailure(error: unknown, undo: () => Promise<void>): Promise<ConclaveError> {
  const uncertain = error instanceof StartUncertainError;
  if (!uncertain) await undo().catch(() => undefined);
  return new ConclaveError('INTERNAL_ERROR', 'the orchestration could not be started', {
    detail: uncertain ? 'workflow_engine_unreachable' : 'store_or_engine_error',
  });
}
