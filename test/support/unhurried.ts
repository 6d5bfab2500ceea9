/** Settings under which no answer turns into a 202 because the machine is busy; `critical` keeps its second. */
export const unhurried: Readonly<Record<string, string>> = {
  ORCHESTRATION_ORCHESTRATION__SYNC_REQUEST_SLA_MS: '60000',
  ORCHESTRATION_ORCHESTRATION__SYNC_TO_ASYNC_THRESHOLD_MS: '59500',
  ORCHESTRATION_ORCHESTRATION__ASYNC_REQUEST_SLA_MS: '120000',
};
