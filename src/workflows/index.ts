export { failedJob, orchestrationRun } from './orchestration';
