export { bulkChunk } from './bulk-chunk';
export { bulkRun } from './bulk-run';
export { callbackDelivery } from './callback-delivery';
export { healthMonitor } from './health-monitor';
export { keyRotation } from './key-rotation';
export { noticeDelivery } from './notice-delivery';
export { failedJob, orchestrationRun } from './orchestration';
export { policySimulation } from './policy-simulation';
