/** Where bulk jobs run: on a queue of their own, so that they never take the workers of those who wait for an answer. */
export function bulkTaskQueue(taskQueue: string): string {
  return `${taskQueue}-bulk`;
}

/** Where receivers are told of jobs: those that hang are in nobody else's way. */
export function callbacksTaskQueue(taskQueue: string): string {
  return `${taskQueue}-callbacks`;
}

/** Where the durable monitor of upstreams works. */
export function maintenanceTaskQueue(taskQueue: string): string {
  return `${taskQueue}-maintenance`;
}

/** Jobs wait in a queue of their own, so that a backlog of them is in nobody's way. */
export function jobsTaskQueue(taskQueue: string): string {
  return `${taskQueue}-jobs`;
}
