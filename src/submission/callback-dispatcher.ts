import { type Client, WorkflowIdConflictPolicy, WorkflowIdReusePolicy } from '@temporalio/client';
import type { CallbackDelivery } from '../contract/callback';
import { callbacksTaskQueue } from '../domain/task-queues';
import type { Callbacks } from '../store/callbacks';
import { hear, type Notifications } from '../store/notifications';
import type { callbackDelivery } from '../workflows';
import { searchAttributes } from '../workflows/search-attributes';

export interface CallbackDispatcherDependencies {
  readonly callbacks: Pick<Callbacks, 'takeDue' | 'handBack'>;
  readonly notifications: Pick<Notifications, 'on'>;
  readonly client: Client;
  readonly taskQueue: string;
  readonly log: { warn(fields: object, message: string): void };
}

const startMs = 5000;
/** Jobs end in crowds: so long after one the next look comes at the earliest. */
const restMs = 250;
const lookAgainMs = 5000;
const batch = 50;

/**
 * Starts a workflow for each callback of a job that has ended. What is due is in the store, and a start is repeated under
 * one id: a process that dies between any two steps leaves nothing out, and starts nothing twice.
 */
export class CallbackDispatcher {
  #timer: NodeJS.Timeout | null = null;
  #resting: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;
  #again = false;
  #stopped = false;

  constructor(private readonly deps: CallbackDispatcherDependencies) {}

  start(): void {
    for (const kind of ['published', 'cancelled', 'bulk', 'callback_due'] as const)
      hear(this.deps.notifications, kind, () => this.#wake());
    this.#timer = setInterval(() => this.#wake(), lookAgainMs).unref();
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearInterval(this.#timer);
    if (this.#resting) clearTimeout(this.#resting);
    await this.#looking;
  }

  /** Now, or after a rest; wakes in between are one. */
  #wake(): void {
    if (this.#stopped) return;
    if (this.#looking || this.#resting) {
      this.#again = true;
      return;
    }
    this.#again = false;
    this.#looking = this.#look()
      .catch((error: unknown) =>
        this.deps.log.warn(
          { error },
          'callbacks wait for the store or the engine; the next try comes in a moment',
        ),
      )
      .finally(() => {
        this.#looking = null;
        this.#resting = setTimeout(() => {
          this.#resting = null;
          if (this.#again) this.#wake();
        }, restMs).unref();
      });
  }

  async #look(): Promise<void> {
    for (;;) {
      const due = await this.deps.callbacks.takeDue(batch);
      const left = [...due];
      try {
        for (const delivery of due) {
          await this.#begin(delivery);
          left.shift();
        }
      } catch (error) {
        await this.deps.callbacks.handBack(left.map(({ callback_id }) => callback_id));
        throw error;
      }
      if (due.length < batch || this.#stopped) return;
    }
  }

  async #begin(delivery: CallbackDelivery): Promise<void> {
    const { callback_id: id, tenant_id: tenantId, replays } = delivery;
    const { client, taskQueue } = this.deps;
    await client.connection.withDeadline(Date.now() + startMs, () =>
      client.workflow.start<typeof callbackDelivery>('callbackDelivery', {
        workflowId: replays === 0 ? `callback-${id}` : `callback-${id}-${replays}`,
        taskQueue: callbacksTaskQueue(taskQueue),
        args: [delivery],
        // One that an operator terminated is taken up again.
        workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
        workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
        priority: { fairnessKey: tenantId },
        typedSearchAttributes: [
          { key: searchAttributes.kind, value: 'callback' },
          { key: searchAttributes.tenant, value: tenantId },
          { key: searchAttributes.jobId, value: [id] },
        ],
      }),
    );
  }
}
