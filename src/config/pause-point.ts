export type PausePointName =
  | 'before_claim'
  | 'claimed'
  | 'started'
  | 'detecting'
  | 'publishing'
  | 'published'
  | 'converting'
  | 'converted'
  | 'answering'
  | 'simulated'
  | 'rotation_recorded'
  | 'tenant_key_rotated'
  | 'rewrapping'
  | 'rewrapped'
  | 'keys_destroyed'
  | 'rows_deleted'
  | 'exported'
  | 'secret_kept'
  | 'callback_taken'
  | 'callback_started'
  | 'calling_back'
  | 'called_back'
  | 'callback_settled'
  | 'notified'
  | 'change_claimed'
  | 'change_made'
  | 'change_kept'
  | 'change_committed';

/** A named point in the life of a request at which recovery tests hold a process, to kill it there. */
export type PausePoint = (name: PausePointName) => Promise<void>;

const nothing: PausePoint = () => Promise.resolve();

/** Holds the process for ever at the point that CONCLAVE_PAUSE_AT names, and says so on stderr; only in development. */
export function pausePointFrom(variables: NodeJS.ProcessEnv, environment: string): PausePoint {
  const at = variables['CONCLAVE_PAUSE_AT'];
  if (at === undefined || environment !== 'development') return nothing;
  return async (name) => {
    if (name !== at) return;
    process.stderr.write(`paused at ${name}\n`);
    await new Promise<never>(() => undefined);
  };
}
