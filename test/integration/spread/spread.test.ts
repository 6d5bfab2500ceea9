import { randomUUID } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Connection } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { stringify } from 'yaml';
import type { OrchestrationResponse } from '../../../src/contract/answer';
import { searchAttributes } from '../../../src/embedded/temporal-settings';
import {
  ConclaveProcess,
  type Exit,
  mainFile,
  startScript,
  steadyPorts,
} from '../../support/conclave-process';
import { eventually } from '../../support/eventually';
import { patience } from '../../support/patience';
import { createDatabase, dropDatabase, testServers } from '../../support/system';

const redisUrl = process.env['CONCLAVE_TEST_REDIS_URL'];
const withRedis = redisUrl === undefined ? it.skip : it;
const failed = { code: 1, signal: null };
const stopped = { code: 0, signal: null };
const perMinute = 4;
const rateLimited = { error_code: 'RATE_LIMITED' };

describe('the spread deployment', () => {
  const { temporalAddress, databaseUrl: adminUrl } = testServers();
  const namespace = `spread-${randomUUID()}`;
  const database = `spread_${randomUUID().replaceAll('-', '')}`;
  const dir = mkdtempSync(path.join(tmpdir(), 'conclave-spread-'));
  const started: ConclaveProcess[] = [];
  let settings: Record<string, string>;
  let ports: number[];
  let connection: Connection;

  /** As `npm run start:<part>` and `npx conclave setup` run it. */
  const run = (script: string, args: string[], env: Record<string, string> = {}): ConclaveProcess => {
    const process = new ConclaveProcess(script, args, { ...patience, ...settings, ...env });
    started.push(process);
    return process;
  };
  const outcomeOf = async (process: ConclaveProcess): Promise<Exit & { output: string }> => ({
    ...(await process.exited),
    output: process.output,
  });
  const facade = (port: number): string => `http://127.0.0.1:${port}/api/v1`;
  const orchestrate = (url: string, overrides: object = {}): Promise<Response> =>
    fetch(`${url}/orchestrate`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        content: `Mail jane.doe@example.com, card 4111 1111 1111 1111, ${randomUUID()}`,
        content_type: 'text',
        tenant_id: 'demo',
        policy_bundle: 'default',
        environment: 'dev',
        ...overrides,
      }),
    });

  beforeAll(async () => {
    ports = await steadyPorts(5);
    const [, , , mapperPort, detectorsPort] = ports;
    settings = {
      ORCHESTRATION_ENV: 'development',
      ORCHESTRATION_DATA_DIR: dir,
      ORCHESTRATION_DATABASE_URL: await createDatabase(adminUrl, database),
      ORCHESTRATION_WORKFLOW__ADDRESS: temporalAddress,
      ORCHESTRATION_WORKFLOW__NAMESPACE: namespace,
      ORCHESTRATION_WORKFLOW__TASK_QUEUE: namespace,
      ORCHESTRATION_POLICY_STORE_PATH: path.join(dir, 'policies'),
      ORCHESTRATION_MAPPER__PORT: String(mapperPort),
      ORCHESTRATION_REGISTRY__BUILTIN_PORT: String(detectorsPort),
      ORCHESTRATION_MAPPER__SERVICE_KEY: 'a service key of this test',
      ...(redisUrl === undefined ? {} : { ORCHESTRATION_REDIS_URL: redisUrl }),
    };
    cpSync(path.join(__dirname, '..', '..', '..', 'policies'), path.join(dir, 'policies'), {
      recursive: true,
    });
    const limited = path.join(dir, 'policies', 'demo', 'limited');
    mkdirSync(limited);
    const policy = {
      tenant_id: 'demo',
      policy_bundle: 'limited',
      required_detectors: ['pii'],
      coverage_calculation: { calculation_method: 'required_set' },
      rate_limit_per_minute: perMinute,
    };
    writeFileSync(path.join(limited, 'policy.yaml'), stringify(policy));
    connection = await Connection.connect({ address: temporalAddress });
  });

  afterAll(async () => {
    await Promise.all(started.map((process) => process.end('SIGTERM')));
    await connection?.close();
    await dropDatabase(adminUrl, database);
    rmSync(dir, { recursive: true });
  });

  it('says which servers are not named, do not answer or are not prepared, and what to do', async () => {
    const closed = `127.0.0.1:${ports[0]}`;
    const start = (part: string, env = {}): Promise<object> => outcomeOf(run(mainFile, ['start', part], env));
    expect(await start('worker', { ORCHESTRATION_WORKFLOW__ADDRESS: 'null' })).toEqual({
      ...failed,
      output: expect.stringContaining('set ORCHESTRATION_WORKFLOW__ADDRESS'),
    });
    expect(
      await start('api', {
        ORCHESTRATION_DATABASE_URL: `postgres://conclave:secret-4711@${closed}/conclave`,
      }),
    ).toEqual({
      ...failed,
      output: expect.stringMatching(
        /PostgreSQL at \S+ does not let us in \(ECONNREFUSED\)[^]*correct ORCHESTRATION_DATABASE_URL/,
      ),
    });
    expect(await start('api', { ORCHESTRATION_WORKFLOW__ADDRESS: closed })).toEqual({
      ...failed,
      output: expect.stringMatching(
        /Temporal at \S+ does not answer[^]*correct ORCHESTRATION_WORKFLOW__ADDRESS/,
      ),
    });
    expect(await start('api')).toEqual({
      ...failed,
      output: expect.stringMatching(/there is no namespace spread-[^]*Remedy: [^]*npx conclave setup/),
    });
    for (const { output } of started) expect(output).not.toContain('secret-4711');
  });

  it('is prepared by conclave setup, which may be repeated', async () => {
    for (let time = 0; time < 2; time += 1) {
      const { output, ...exit } = await outcomeOf(run(mainFile, ['setup']));
      expect({ ...exit, output }).toEqual({ ...stopped, output });
    }
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(Object.keys(searchAttributes())));
    const { config } = await connection.workflowService.describeNamespace({ namespace });
    expect(Number(config!.workflowExecutionRetentionTtl!.seconds)).toBe(72 * 3600);
  });

  it('starts as five processes: detectors, mapper, worker and two facades', async () => {
    const detectors = run(mainFile, ['start', 'detectors']);
    const mapper = run(mainFile, ['start', 'mapper']);
    await Promise.all([detectors.says('builtin detectors listen'), mapper.says('mapper.listening')]);
    const worker = run(mainFile, ['start', 'worker']);
    const first = run(startScript, ['api'], { ORCHESTRATION_PORT: String(ports[0]) });
    const second = run(mainFile, ['start', 'api'], { ORCHESTRATION_PORT: String(ports[1]) });
    await Promise.all([
      worker.says('the worker is ready'),
      ...[first, second].map((process) => process.says('the facade is ready')),
    ]);
    for (const port of ports.slice(0, 2)) {
      const health = (await (await fetch(`${facade(port)}/health`)).json()) as {
        status: string;
        dependencies: object;
      };
      expect(health).toMatchObject({
        status: 'healthy',
        dependencies: {
          workflow_engine: 'connected',
          store: 'connected',
          cache: redisUrl === undefined ? 'not_configured' : 'connected',
          mapper: 'connected',
        },
      });
    }
  });

  it('has content judged end to end, and every process of Conclave serves the task queue', async () => {
    const response = await orchestrate(facade(ports[0]!));
    expect(response.status).toBe(200);
    const answer = (await response.json()) as OrchestrationResponse;
    expect(answer.coverage_achieved).toBe(1);
    expect(answer.detector_results.find(({ detector }) => detector === 'pii')).toMatchObject({
      status: 'success',
      output: 'credit_card',
    });
    expect(answer.mapping_result).not.toBeNull();

    const taskQueueType = temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW;
    await eventually(
      async () => {
        const { pollers } = await connection.workflowService.describeTaskQueue({
          namespace,
          taskQueue: { name: namespace },
          taskQueueType,
        });
        return new Set(pollers.map(({ identity }) => identity)).size;
      },
      (processes) => processes === 3,
    );
  });

  it('finishes at one facade the job that another took', async () => {
    const response = await orchestrate(facade(ports[0]!), { processing_mode: 'async' });
    expect(response.status).toBe(202);
    const { job_id: jobId } = (await response.json()) as { job_id: string };
    const job = await eventually(
      async () =>
        (await (await fetch(`${facade(ports[1]!)}/orchestrate/status/${jobId}`)).json()) as {
          status: string;
        },
      ({ status }) => status === 'completed' || status === 'failed',
    );
    expect(job.status).toBe('completed');
  });

  withRedis('counts requests of all facades together, through Redis', async () => {
    const seen: number[] = [];
    for (let request = 0; request < perMinute; request += 1) {
      const response = await orchestrate(facade(ports[request % 2]!), { policy_bundle: 'limited' });
      expect(response.status).toBe(200);
      seen.push(Number(response.headers.get('ratelimit-remaining')));
    }
    expect(seen).toEqual([3, 2, 1, 0]);
    for (const port of ports.slice(0, 2)) {
      const refused = await orchestrate(facade(port), { policy_bundle: 'limited' });
      expect(await refused.json()).toMatchObject(rateLimited);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    }
  });

  it('serves without its Redis, with limits of its own, and says that it is degraded', async () => {
    const url = facade(ports[2]!);
    const lonely = run(mainFile, ['start', 'api'], {
      ORCHESTRATION_PORT: String(ports[2]),
      ORCHESTRATION_REDIS_URL: 'redis://127.0.0.1:1',
    });
    await lonely.says('the facade is ready');
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'degraded' });
    for (let request = 0; request < perMinute; request += 1)
      expect((await orchestrate(url, { policy_bundle: 'limited' })).status).toBe(200);
    const refused = await orchestrate(url, { policy_bundle: 'limited' });
    expect(await refused.json()).toMatchObject(rateLimited);
  });

  it('does not start on a database that another master key encrypted', async () => {
    const strange = run(mainFile, ['start', 'worker'], {
      ORCHESTRATION_SECURITY__MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
    });
    expect(await outcomeOf(strange)).toEqual({
      ...failed,
      output: expect.stringMatching(/another master key[^]*Remedy: give every process the same/),
    });
  });

  it('stops every part in order at SIGTERM', async () => {
    const running = started.filter((process) => process.isRunning);
    expect(running).toHaveLength(6);
    expect(await Promise.all(running.map((process) => process.end('SIGTERM')))).toEqual(
      running.map(() => stopped),
    );
  });
});
