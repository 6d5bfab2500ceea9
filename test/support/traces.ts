import type { System } from './system';

const tables = ['orchestration', 'run_key', 'idempotency', 'member_result', 'blob', 'audit'] as const;

/** Rows that requests have left in the store, of all kinds. */
export async function rowsOf({ db }: System): Promise<number> {
  // Of loading the registry and the policies at the start there are records too, of the log itself, and of every attempt.
  const others = "'registry_change', 'policy_change', 'audit_genesis', 'audit_gap', 'operation'";
  const ours = (table: string) => (table === 'audit' ? `audit where kind not in (${others})` : table);
  const counts = tables.map((table) => `(select count(*) from ${ours(table)})`).join(' + ');
  const { rows } = await db.query<{ rows: string }>(`select ${counts} as rows`);
  return Number(rows[0]!.rows);
}

/** Workflows that were ever started on the task queue of the system. */
export async function workflowsOf({ temporal, taskQueue }: System): Promise<number> {
  const { count } = await temporal.workflow.count(`TaskQueue = '${taskQueue}'`);
  return count;
}
