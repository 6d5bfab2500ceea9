import { healthMonitor } from '../../../src/workflows';
import { ContinuedAsNew, temporal } from './fake-temporal';

jest.mock(
  '@temporalio/workflow',
  () => jest.requireActual<{ workflowModule: object }>('./fake-temporal').workflowModule,
);

describe('The monitor of upstreams', () => {
  beforeEach(() => {
    temporal.reset();
    temporal.scripts = { watchHealth: async () => undefined };
  });

  it('goes on shift after shift, and as a new run before its history is long [H1]', async () => {
    await expect(healthMonitor()).rejects.toThrow(ContinuedAsNew);
    expect(temporal.inputsOf('watchHealth')).toHaveLength(50);
    expect(temporal.continued).toHaveLength(1);
  });

  it('has each shift in a process that must be heard of', async () => {
    await expect(healthMonitor()).rejects.toThrow(ContinuedAsNew);
    expect(temporal.calls[0]).toMatchObject({ lane: 'remote', options: { heartbeatTimeout: '10s' } });
  });

  it('ends when it is ended', async () => {
    temporal.scripts = { watchHealth: () => Promise.reject(new Error('cancelled')) };
    await expect(healthMonitor()).rejects.toThrow('cancelled');
    expect(temporal.continued).toEqual([]);
  });
});
