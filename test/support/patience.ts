/** Settings for tests that are not about time: on a busy machine no sync request becomes a job. */
export const patience = {
  ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '20000',
  ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: '15000',
} as const;
