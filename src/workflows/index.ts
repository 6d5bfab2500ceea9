export { bulkChunk } from './bulk-chunk';
export { bulkRun } from './bulk-run';
export { failedJob, orchestrationRun } from './orchestration';
