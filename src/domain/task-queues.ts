/** Jobs wait in a queue of their own, so that a backlog of them is in nobody's way. */
export function jobsTaskQueue(taskQueue: string): string {
  return `${taskQueue}-jobs`;
}
