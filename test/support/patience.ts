/** Settings for tests that are not about time: on a busy machine no sync request becomes a job. */
export const patience = {
  ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '20000',
  ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: '15000',
} as const;

/** For tests that send the same content again and want it judged again. */
export const forgetful = { ORCHESTRATION_ORCHESTRATION__CACHE_ENABLED: 'false' } as const;
