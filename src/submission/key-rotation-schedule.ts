import {
  type Client,
  type ScheduleOptions,
  type ScheduleOptionsStartWorkflowAction,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import { maintenanceTaskQueue } from '../domain/task-queues';
import type { tenantKeyRotation } from '../workflows';
import { searchAttributes } from '../workflows/search-attributes';

type Action = ScheduleOptionsStartWorkflowAction<typeof tenantKeyRotation>;

const againMs = 30_000;
const callMs = 5000;

/** The schedule by which all tenants are given new keys: it becomes what the settings say. */
export class KeyRotationSchedule {
  #timer: NodeJS.Timeout | null = null;

  /** @param cron null: there is none */
  constructor(
    private readonly client: Client,
    private readonly taskQueue: string,
    private readonly cron: string | null,
    private readonly log: { warn(fields: object, message: string): void },
  ) {}

  start(): void {
    void this.#settle();
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
  }

  async #settle(): Promise<void> {
    try {
      const { cron } = this;
      await this.client.connection.withDeadline(Date.now() + callMs, () =>
        cron === null ? this.#remove() : this.#put(cron),
      );
    } catch (error) {
      this.log.warn({ error }, 'rotations of keys could not be scheduled; the next try comes in a moment');
      this.#timer = setTimeout(() => void this.#settle(), againMs).unref();
    }
  }

  /** One that an operator has paused stays so. */
  async #put(cron: string): Promise<void> {
    const schedule: Omit<ScheduleOptions<Action>, 'scheduleId'> = {
      spec: { cronExpressions: [cron] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1h' },
      action: {
        type: 'startWorkflow',
        workflowType: 'tenantKeyRotation',
        workflowId: this.#id,
        taskQueue: maintenanceTaskQueue(this.taskQueue),
        args: [{ rotation_id: null }],
        typedSearchAttributes: [{ key: searchAttributes.kind, value: 'key_rotation' }],
      },
    };
    try {
      await this.client.schedule.create({ scheduleId: this.#id, ...schedule });
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      const known = this.client.schedule.getHandle(this.#id);
      await known.update(({ state }) => ({ ...schedule, state }));
    }
  }

  async #remove(): Promise<void> {
    try {
      await this.client.schedule.getHandle(this.#id).delete();
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
    }
  }

  get #id(): string {
    return `${this.taskQueue}-key-rotation`;
  }
}
