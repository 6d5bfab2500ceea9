export { bulkChunk } from './bulk-chunk';
export { bulkRun } from './bulk-run';
export { healthMonitor } from './health-monitor';
export { failedJob, orchestrationRun } from './orchestration';
export { policySimulation } from './policy-simulation';
