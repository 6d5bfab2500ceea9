import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { OrchestrationResponse } from '../../../src/contract/answer';
import { eventually } from '../../support/eventually';
import {
  type ConclaveProcess,
  Machine,
  paste,
  type PortSetting,
  startScript,
} from '../../support/conclave-process';

const failed = { code: 1, signal: null };
const stopped = { code: 0, signal: null };

describe('npm start', () => {
  let machine: Machine;
  let conclave: ConclaveProcess;
  let jobId: string;

  const printed = (pattern: RegExp): string => pattern.exec(conclave.output)![1]!;
  const get = async (url: string): Promise<Response> => fetch(url, { signal: AbortSignal.timeout(10_000) });
  const jobStatus = async (): Promise<{ status: number; state: unknown }> => {
    const response = await get(`${machine.url}/orchestrate/status/${jobId}`);
    return { status: response.status, state: ((await response.json()) as { status?: unknown }).status };
  };

  beforeAll(async () => {
    machine = await Machine.create();
    conclave = await machine.started();
  });
  afterAll(() => machine?.clear());

  it('prints a curl line that works as pasted: real detectors, a real policy, a real mapping', async () => {
    const answer = JSON.parse(await paste(printed(/^ {2}(curl .+)$/m))) as OrchestrationResponse;
    expect(answer.coverage_achieved).toBe(1);
    const pii = answer.detector_results.find(({ detector }) => detector === 'pii');
    expect(pii).toMatchObject({ status: 'success', output: 'credit_card' });
    expect(answer.mapping_result).not.toBeNull();
  });

  it('prints addresses of the API docs and of Temporal Web that answer, and the run is to be seen there', async () => {
    expect((await get(printed(/API docs +(\S+)/))).status).toBe(200);
    const web = printed(/Temporal Web +(\S+)/);
    expect((await get(web)).status).toBe(200);
    const { executions } = await eventually(
      async () =>
        (await (await get(`${web}/api/v1/namespaces/default/workflows`)).json()) as {
          executions?: { status: string }[];
        },
      (list) => list.executions?.some(({ status }) => status.endsWith('COMPLETED')) === true,
    );
    expect(executions!.length).toBeGreaterThan(0);
  });

  it('refuses a second start on the same data and leaves the first alone', async () => {
    const ports = (await Machine.create()).ports;
    const second = machine.run(['start'], toText(ports));
    expect(await second.exited).toEqual(failed);
    expect(second.output).toMatch(/already running for this data folder[^]*Remedy: stop that one first/);
    expect((await get(`${machine.url}/health/ready`)).status).toBe(200);
  });

  it('takes a job, stops in order at Ctrl-C with exit code 0, and leaves no process', async () => {
    const response = await fetch(`${machine.url}/orchestrate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        content: 'a job that outlives the process',
        content_type: 'text',
        tenant_id: 'demo',
        policy_bundle: 'default',
        environment: 'dev',
        processing_mode: 'async',
      }),
    });
    expect(response.status).toBe(202);
    jobId = ((await response.json()) as { job_id: string }).job_id;

    expect(machine.processes().length).toBeGreaterThan(5);
    expect(await conclave.end('SIGINT')).toEqual(stopped);
    const order = [...conclave.output.matchAll(/^conclave: stopping (.+)$/gm)].map(([, name]) => name);
    expect(order.slice(0, 2)).toEqual(['the facade and its worker', 'the mapper']);
    expect(order.slice(2).sort()).toEqual(['PostgreSQL', 'Temporal', 'the builtin detectors']);
    await machine.untilNoProcess();
  });

  it('starts again on the same data and finishes what was accepted', async () => {
    conclave = await machine.started();
    await eventually(jobStatus, ({ state }) => state === 'completed');
  });

  it('takes its servers along when it is killed with -9, and recovers at the next start', async () => {
    expect(await conclave.end('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    conclave = await machine.started();
    expect(await jobStatus()).toEqual({ status: 200, state: 'completed' });
    conclave.end('SIGKILL').catch(() => undefined);
    await machine.untilNoProcess();
  });

  it.each([
    ['temporal', 'Temporal'],
    ['postgres', 'PostgreSQL'],
    ['detectors', 'the builtin detectors'],
  ])('says so and stops with exit code 1 when its server dies: %s', async (pidFile, name) => {
    conclave = await machine.started();
    process.kill(machine.serverPid(pidFile), 'SIGKILL');
    expect(await conclave.exited).toEqual(failed);
    expect(conclave.output).toContain(`Ended by itself: ${name} (signal SIGKILL)`);
    expect(conclave.output).toMatch(/Remedy: see \S+\.log, then start again/);
    await machine.untilNoProcess();
  });

  it('starts on existing data faster than on none', () => {
    // The fastest of several, because whatever else this machine does only makes it slower.
    const [first, ...later] = machine.startTimes;
    expect(Math.min(...later)).toBeLessThan(first!);
  });

  it('stops in order when Ctrl-C comes before it is ready', async () => {
    conclave = machine.run();
    await conclave.says('starting PostgreSQL');
    expect(await conclave.end('SIGINT')).toEqual(stopped);
    await machine.untilNoProcess();
  });

  it.each<PortSetting>([
    'ORCHESTRATION_PORT',
    'ORCHESTRATION_MAPPER__PORT',
    'ORCHESTRATION_REGISTRY__BUILTIN_PORT',
    'ORCHESTRATION_WORKFLOW__EMBEDDED_PORT',
    'ORCHESTRATION_WORKFLOW__EMBEDDED_UI_PORT',
    'ORCHESTRATION_DATABASE__EMBEDDED_PORT',
  ])('names the setting when a port is taken: %s', async (setting) => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => squatter.once('listening', resolve));
    const { port } = squatter.address() as AddressInfo;
    try {
      conclave = machine.run(['start'], { [setting]: String(port) });
      expect(await conclave.exited).toEqual(failed);
      expect(conclave.output).toContain(`needs port ${port}, but process ${process.pid}`);
      expect(conclave.output).toContain(`choose another port with ${setting}=<port>`);
      await machine.untilNoProcess();
    } finally {
      squatter.close();
    }
  });

  it('runs under npm start: Ctrl-C ends it with exit code 0, and kill -9 of the wrapper leaves nothing', async () => {
    const stoppedBySignal = machine.run([], {}, startScript);
    await stoppedBySignal.ready();
    expect(await stoppedBySignal.end('SIGINT')).toEqual(stopped);
    await machine.untilNoProcess();

    const killed = machine.run([], {}, startScript);
    await killed.ready();
    await killed.end('SIGKILL');
    await machine.untilNoProcess();
  });

  it('names the remedy for a damaged database of Temporal, and --reset moves the data aside', async () => {
    for (const file of ['temporal.db-wal', 'temporal.db-shm'])
      writeFileSync(path.join(machine.dataDir, file), '');
    writeFileSync(path.join(machine.dataDir, 'temporal.db'), 'this is no database'.repeat(1000));
    conclave = machine.run();
    expect(await conclave.exited).toEqual(failed);
    expect(conclave.output).toMatch(/temporal\.db is damaged[^]*npm start -- --reset/);
    await machine.untilNoProcess();

    conclave = machine.run(['start', '--reset']);
    await conclave.ready();
    const aside = readdirSync(path.dirname(machine.dataDir)).filter((name) =>
      name.startsWith(`${path.basename(machine.dataDir)}.before-`),
    );
    expect(aside).toHaveLength(1);
    expect(conclave.output).toContain(aside[0]);
    expect((await jobStatus()).status).toBe(404);
    expect(await conclave.end('SIGTERM')).toEqual(stopped);
  });

  it('names the remedy for a damaged folder of PostgreSQL and for a data folder that is none', async () => {
    writeFileSync(path.join(machine.dataDir, 'postgres', 'global', 'pg_control'), 'x');
    conclave = machine.run();
    expect(await conclave.exited).toEqual(failed);
    expect(conclave.output).toMatch(/PostgreSQL did not start[^]*npm start -- --reset/);

    const file = path.join(machine.dataDir, 'a-file');
    writeFileSync(file, '');
    conclave = machine.run(['start'], { ORCHESTRATION_DATA_DIR: file });
    expect(await conclave.exited).toEqual(failed);
    expect(conclave.output).toMatch(/cannot be used[^]*ORCHESTRATION_DATA_DIR=<folder>/);
  });

  it.each([
    [{ ORCHESTRATION_ENV: 'production' }, /does not start with ORCHESTRATION_ENV=production/],
    [{ ORCHESTRATION_ENV: 'staging' }, /does not start with ORCHESTRATION_ENV=staging/],
    [{ ORCHESTRATION_SERVICE__HOST: '0.0.0.0' }, /does not listen on 0\.0\.0\.0/],
  ])('refuses to serve without authentication beyond this machine: %j', async (env, reason) => {
    for (const part of [['start'], ['start', 'api'], ['start', 'worker']]) {
      conclave = machine.run(part, { ...env, ORCHESTRATION_SECURITY__AUTH_DISABLED: 'true' });
      expect(await conclave.exited).toEqual(failed);
      expect(conclave.output).toMatch(reason);
    }
  });
});

function toText(ports: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)]));
}
