import type * as Workflow from '@temporalio/workflow';
import type { DetectCall, DetectOutput } from '../../../src/activities/types';
import { success } from '../domain/support';

type Script = (input: never) => Promise<unknown>;

interface ActivityCall {
  readonly activity: string;
  readonly lane: 'local' | 'remote';
  readonly options: Readonly<Record<string, unknown>>;
  readonly input: unknown;
  /** Whether a cancellation of the run could not reach it. */
  readonly shielded: boolean;
}

const detectsSuccess: Script = ({ detector, request_ids }: DetectCall) =>
  Promise.resolve<DetectOutput>({
    results: Object.fromEntries(request_ids.map((requestId) => [requestId, success(detector, 'toxic')])),
    cancelled: [],
  });

/** A Temporal without a server: scripted activities, and a record of all that a workflow asked for. */
class FakeTemporal {
  workflowId = 'run';
  nextId = 1;
  cancelled = false;
  scripts: Record<string, Script> = {};
  calls: ActivityCall[] = [];
  children: { readonly workflow: unknown; readonly options: Record<string, unknown> }[] = [];
  /** What a child answers, by its workflow; it may throw. */
  childScripts: Record<string, Script> = {};
  historyLength = 0;
  signals: Record<string, () => void> = {};
  continued: unknown[] = [];
  attributes: { readonly key: { readonly name: string }; readonly value: unknown }[] = [];
  /** Set as the workflows are loaded, once. */
  workflowOptions: unknown = null;
  #shielded = false;

  reset(): void {
    this.workflowId = 'run';
    this.nextId = 1;
    this.cancelled = false;
    this.calls = [];
    this.children = [];
    this.childScripts = {};
    this.historyLength = 0;
    this.signals = {};
    this.continued = [];
    this.attributes = [];
    this.scripts = {
      map: () => Promise.resolve({}),
      publish: () => Promise.resolve({ unfinished_jobs: [], statuses: { 200: 1 } }),
    };
  }

  inputsOf<T>(activity: string): T[] {
    return this.calls.filter((call) => call.activity === activity).map(({ input }) => input as T);
  }

  /** Names of the detectors in the order in which they were asked. */
  get asked(): string[] {
    return this.calls.flatMap(({ activity }) =>
      activity.startsWith('detect.') ? [activity.slice('detect.'.length)] : [],
    );
  }

  proxy(lane: ActivityCall['lane'], options: Record<string, unknown>): object {
    return new Proxy(
      {},
      {
        get: (_target, activity: string) => (input: never) => {
          this.calls.push({ activity, lane, options, input, shielded: this.#shielded });
          const script = this.scripts[activity] ?? (activity.startsWith('detect.') ? detectsSuccess : null);
          if (!script) throw new Error(`no script for ${activity}`);
          return script(input);
        },
      },
    );
  }

  async shield<T>(work: () => Promise<T>): Promise<T> {
    this.#shielded = true;
    try {
      return await work();
    } finally {
      this.#shielded = false;
    }
  }
}

export const temporal = new FakeTemporal();

/** What ends a run that goes on as a new one. */
export class ContinuedAsNew extends Error {}

/** Stands for `@temporalio/workflow`; failures and enums are the real ones. */
export const workflowModule = {
  ...jest.requireActual<typeof Workflow>('@temporalio/workflow'),
  proxyLocalActivities: (options: Record<string, unknown>) => temporal.proxy('local', options),
  proxyActivities: (options: Record<string, unknown>) => temporal.proxy('remote', options),
  CancellationScope: {
    current: () => ({ consideredCancelled: temporal.cancelled }),
    nonCancellable: <T>(work: () => Promise<T>) => temporal.shield(work),
  },
  workflowInfo: () => ({ workflowId: temporal.workflowId, historyLength: temporal.historyLength }),
  upsertSearchAttributes: (attributes: FakeTemporal['attributes']) =>
    void temporal.attributes.push(...attributes),
  startChild: (workflow: unknown, options: Record<string, unknown>) => {
    temporal.children.push({ workflow, options });
    return Promise.resolve({});
  },
  executeChild: (workflow: { name: string }, options: Record<string, unknown> & { args: [never] }) => {
    temporal.children.push({ workflow, options });
    return temporal.childScripts[workflow.name]!(options.args[0]);
  },
  continueAsNew: (input: unknown) => {
    temporal.continued.push(input);
    return Promise.reject(new ContinuedAsNew());
  },
  defineSignal: (name: string) => name,
  setHandler: (name: string, handler: () => void) => {
    temporal.signals[name] = handler;
  },
  /** Waits for microtasks only: a script signals, or time is taken to be up. */
  condition: async (satisfied: () => boolean) => {
    for (let turn = 0; turn < 100 && !satisfied(); turn++) await Promise.resolve();
    return satisfied();
  },
  uuid4: () => `id-${temporal.nextId++}`,
  setWorkflowOptions: (options: unknown) => {
    temporal.workflowOptions = options;
  },
};
