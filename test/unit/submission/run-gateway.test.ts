import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowStartOptions,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { PayloadReader } from '../../../src/store/payload-codec';
import { RunGateway, StartUncertainError } from '../../../src/submission/run-gateway';
import { TenantClients } from '../../../src/submission/tenant-clients';
import { inputOf, jobId, memberOf, planWith } from './support';

const grpcError = (code: number) =>
  Object.assign(new Error('grpc'), { code, details: 'of the service', metadata: {} });
const unavailable = grpcError(14);

/** The client as far as the gateway uses it. */
function harness({ eager = true, fails }: { eager?: boolean; fails?: Error } = {}) {
  const calls: { type: string; options: WorkflowStartOptions }[] = [];
  const deadlines: number[] = [];
  const handle = {
    describe: async (): Promise<unknown> => ({ status: { name: 'RUNNING' } }),
    fetchHistory: async (): Promise<unknown> => ({}),
  };
  const client = {
    connection: {
      withDeadline: (deadline: number, call: () => Promise<unknown>) => {
        deadlines.push(deadline);
        return call();
      },
    },
    workflow: {
      start: async (type: string, options: WorkflowStartOptions) => {
        calls.push({ type, options });
        if (fails) throw fails;
        return { eagerlyStarted: eager };
      },
      getHandle: () => handle,
    },
  } as unknown as Client;
  const payloads = { value: async (payload: unknown) => ({ read: payload }) } as unknown as PayloadReader;
  const clients = new TenantClients({ namespace: 'main', tenant_namespaces: {} }, () => client);
  return { gateway: new RunGateway(clients, 'queue', payloads), calls, deadlines, handle };
}

const attributesOf = ({ typedSearchAttributes }: WorkflowStartOptions) =>
  Object.fromEntries(
    (typedSearchAttributes as { key: { name: string }; value: unknown }[]).map(({ key, value }) => [
      key.name,
      value,
    ]),
  );

describe('starting a run', () => {
  it('leaves a job in the queue of the jobs, for its turn to come', async () => {
    const { gateway, calls } = harness({ eager: false });
    const input = inputOf({
      plan: planWith({ priority: 'critical' }),
      members: [memberOf({ mode: 'async' })],
    });
    await gateway.start(input, Date.now() + 1000);
    expect(calls[0]!.options).toMatchObject({
      taskQueue: 'queue-jobs',
      requestEagerStart: false,
      priority: { priorityKey: 1, fairnessKey: 'acme' },
    });
  });

  it('asks for one run of this id, at its priority and fair among tenants', async () => {
    const { gateway, calls } = harness();
    const input = inputOf({ plan: planWith({ priority: 'high' }) });
    expect(await gateway.start(input, Date.now() + 1000)).toEqual({ eager: true });
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatchObject({
      type: 'orchestrationRun',
      options: {
        workflowId: 'run',
        taskQueue: 'queue',
        args: [input],
        requestEagerStart: true,
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
        priority: { priorityKey: 2, fairnessKey: 'acme' },
      },
    });
    expect(attributesOf(calls[0]!.options)).toEqual({
      Kind: 'sync',
      Tenant: 'acme',
      PolicyBundle: 'default',
      PolicyDigest: 'd'.repeat(64),
      PriorityClass: 'high',
      PlannedDetectors: ['a', 'b'],
    });
  });

  it('names a job and its parent, for operators to find', async () => {
    const { gateway, calls } = harness({ eager: false });
    const members = [memberOf({ mode: 'async', parent_job_id: 'job-before' })];
    expect(await gateway.start(inputOf({ members }), Date.now())).toEqual({ eager: false });
    expect(attributesOf(calls[0]!.options)).toMatchObject({
      Kind: 'job',
      JobId: [jobId],
      ParentJob: 'job-before',
    });
  });

  it('waits until the deadline, and a moment when that is over', async () => {
    const { gateway, deadlines } = harness();
    const now = Date.now();
    await gateway.start(inputOf(), now + 100_000);
    await gateway.start(inputOf(), now - 100_000);
    expect(deadlines[0]).toBe(now + 100_000);
    expect(deadlines[1]).toBeGreaterThanOrEqual(now + 250);
    expect(deadlines[1]).toBeLessThan(now + 100_000);
  });

  it('takes a run that was started before for started, elsewhere', async () => {
    const fails = new WorkflowExecutionAlreadyStartedError('there', 'run', 'orchestrationRun');
    expect(await harness({ fails }).gateway.start(inputOf(), 0)).toEqual({ eager: false });
  });

  it.each([
    ['the service', unavailable],
    ['the client, because of the service', Object.assign(new Error('wrapped'), { cause: unavailable })],
  ])('is uncertain when it fails in %s', async (_where, fails) => {
    const started = harness({ fails }).gateway.start(inputOf(), 0);
    await expect(started).rejects.toBeInstanceOf(StartUncertainError);
    await expect(started).rejects.toMatchObject({ cause: fails });
  });

  it('has failed when it fails before it is sent', async () => {
    const fails = new TypeError('cannot be serialized');
    await expect(harness({ fails }).gateway.start(inputOf(), 0)).rejects.toBe(fails);
  });
});

describe('the state of a run', () => {
  it.each([
    ['RUNNING', 'running'],
    ['PAUSED', 'running'],
    ['CONTINUED_AS_NEW', 'running'],
    ['UNKNOWN', 'running'],
    ['COMPLETED', 'completed'],
    ['FAILED', 'broken'],
    ['CANCELLED', 'broken'],
    ['TERMINATED', 'broken'],
    ['TIMED_OUT', 'broken'],
  ])('of %s is %s', async (name, state) => {
    const { gateway, handle } = harness();
    handle.describe = async () => ({ status: { name } });
    expect(await gateway.stateOf('run', 'demo')).toBe(state);
  });

  it('is absent when the engine does not know it', async () => {
    const { gateway, handle } = harness();
    handle.describe = () => Promise.reject(new WorkflowNotFoundError('none', 'run', undefined));
    expect(await gateway.stateOf('run', 'demo')).toBe('absent');
  });

  it('is not known when the engine does not answer', async () => {
    const { gateway, handle } = harness();
    handle.describe = () => Promise.reject(unavailable);
    await expect(gateway.stateOf('run', 'demo')).rejects.toBe(unavailable);
  });
});

describe('the input of a run', () => {
  it('is read from the first event of its history', async () => {
    const { gateway, handle } = harness();
    const input = { payloads: ['first', 'second'] };
    handle.fetchHistory = async () => ({
      events: [{ workflowExecutionStartedEventAttributes: { input } }, {}],
    });
    expect(await gateway.inputOf('run', 'demo')).toEqual({ read: 'first' });
  });

  it.each([
    ['the history is empty', async () => ({ events: [] })],
    ['the run is not known', () => Promise.reject(grpcError(5))],
  ])('is null when %s', async (_why, fetchHistory) => {
    const { gateway, handle } = harness();
    handle.fetchHistory = fetchHistory;
    expect(await gateway.inputOf('run', 'demo')).toBeNull();
  });

  it.each([
    ['the engine does not answer', unavailable],
    ['it cannot be read', new Error('no key')],
  ])('fails when %s', async (_why, error) => {
    const { gateway, handle } = harness();
    handle.fetchHistory = () => Promise.reject(error);
    await expect(gateway.inputOf('run', 'demo')).rejects.toBe(error);
  });
});
