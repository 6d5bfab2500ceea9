import { Client, Connection } from '@temporalio/client';

export interface LargestHistory {
  /** Of all runs together. */
  runs: number;
  /** Of the longest, and of the heaviest. */
  events: number;
  bytes: number;
}

/** What the histories of all runs that began since then come to, as Temporal itself tells it. */
export async function largestHistory(address: string, since: Date): Promise<LargestHistory> {
  const connection = await Connection.connect({ address });
  try {
    const { workflow } = new Client({ connection });
    const largest: LargestHistory = { runs: 0, events: 0, bytes: 0 };
    for await (const { workflowId, runId, status, ...listed } of workflow.list({
      query: `StartTime >= '${since.toISOString()}'`,
    })) {
      // Visibility knows the sizes of closed runs only.
      const { historyLength, historySize } =
        status.name === 'RUNNING' ? await workflow.getHandle(workflowId, runId).describe() : listed;
      largest.runs += 1;
      largest.events = Math.max(largest.events, historyLength);
      largest.bytes = Math.max(largest.bytes, historySize ?? 0);
    }
    return largest;
  } finally {
    await connection.close();
  }
}
