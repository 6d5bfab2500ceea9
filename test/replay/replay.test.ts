import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { DeterminismViolationError } from '@temporalio/workflow';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { bundleWorkflows } from '../../src/activities/worker';
import { cases } from './cases';

interface RecordedHistory {
  readonly workflowId: string;
  readonly history: { readonly events: RecordedEvent[] };
}
interface RecordedEvent {
  workflowExecutionStartedEventAttributes?: { input: { payloads: { data: string }[] } };
  activityTaskScheduledEventAttributes?: { activityType: { name: string } };
}

const folder = path.join(__dirname, 'histories');
const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
const read = (file: string): RecordedHistory =>
  JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as RecordedHistory;

/** An empty workflow is 1.6 MB; zod alone would add 1 MB to what every cached run pays for. */
const maxBundleBytes = 2_200_000;

describe('the workflows', () => {
  let code: string;
  beforeAll(async () => {
    Runtime.install({
      logger: new DefaultLogger('ERROR', () => undefined),
      telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' }, forward: {} } },
    });
    code = await bundleWorkflows();
  });

  async function replay(histories: readonly RecordedHistory[]) {
    const errors = new Map<string, Error | undefined>();
    const results = Worker.runReplayHistories(
      {
        workflowBundle: { code },
        dataConverter: { failureConverterPath: require.resolve('../../src/workflows/failure-converter') },
      },
      histories,
    );
    for await (const { workflowId, error } of results) errors.set(workflowId, error);
    return errors;
  }

  it('have a recorded history for every path that is worth one', () => {
    const recorded = files.map((file) => file.replace(/-\d+\.\d+\.\d+\.json$/, ''));
    const wanted = cases.map(({ workflow, name }) => `${workflow}-${name}`);
    expect(wanted.filter((name) => !recorded.includes(name))).toEqual([]);
  });

  it('take the same steps again on every recorded history', async () => {
    const histories = files.map((file) => read(file));
    const errors = await replay(histories);
    expect(errors.size).toBe(files.length);
    expect([...errors.entries()].filter(([, error]) => error !== undefined)).toEqual([]);
  });

  it('fail the replay of a history that they would not have taken', async () => {
    const doctored = read(files.find((file) => file.startsWith('orchestrationRun-pool-lane-0'))!);
    const scheduled = doctored.history.events.filter((event) => event.activityTaskScheduledEventAttributes);
    scheduled[0]!.activityTaskScheduledEventAttributes!.activityType.name = 'detect.another';
    const errors = await replay([doctored]);
    expect(errors.get(doctored.workflowId)).toBeInstanceOf(DeterminismViolationError);
  });

  it('fail the replay of an input for which they would have asked another detector', async () => {
    const doctored = read(files.find((file) => file.startsWith('orchestrationRun-fast-lane'))!);
    const [payload] = doctored.history.events[0]!.workflowExecutionStartedEventAttributes!.input.payloads;
    const text = Buffer.from(payload!.data, 'base64').toString();
    expect(text).toContain('"primary_stages":[["a","b"]]');
    const other = text.replace('"primary_stages":[["a","b"]]', '"primary_stages":[["a"]]');
    payload!.data = Buffer.from(other).toString('base64');
    const errors = await replay([doctored]);
    expect(errors.get(doctored.workflowId)).toBeInstanceOf(DeterminismViolationError);
  });

  /** Packages that @temporalio/workflow and @temporalio/common stand on. */
  const temporalsOwn = ['long', 'ms', 'nexus-rpc'];

  describe('in their bundle', () => {
    /** What webpack put in, by the paths of its source map. */
    function sources(): string[] {
      const map = /sourceMappingURL=data:application\/json;(?:charset=utf-8;)?base64,([\w+/=]+)/.exec(
        code,
      )![1]!;
      return (JSON.parse(Buffer.from(map, 'base64').toString()) as { sources: string[] }).sources;
    }

    it('stay small', () => {
      expect(code.length).toBeLessThan(maxBundleBytes);
    });

    it('bring their own rooms, and of others only what Temporal itself needs', () => {
      const own = sources().filter((source) => !source.includes('node_modules'));
      const rooms = own.flatMap((source) => /\/src\/(\w+)\/[\w-]+\.ts$/.exec(source)?.[1] ?? []);
      expect(new Set(rooms)).toEqual(new Set(['workflows', 'domain', 'contract']));
      const packages = sources().flatMap(
        (source) => /node_modules\/((?:@[\w-]+\/)?[\w.-]+)\//.exec(source)?.[1] ?? [],
      );
      const others = [...new Set(packages)].filter((name) => !name.startsWith('@temporalio/'));
      expect(others.sort()).toEqual(temporalsOwn);
    });

    it('need neither zod nor any module of Node', () => {
      expect(sources().filter((source) => source.includes('zod'))).toEqual([]);
      const required = [...code.matchAll(/require\(["']([^"']+)["']\)/g)].map(([, name]) => name!);
      const ofNode = required.filter((name) => name.startsWith('node:') || builtinModules.includes(name));
      expect(ofNode).toEqual([]);
    });
  });

  it('are recorded without a name of the machine or a key to need', () => {
    for (const file of files) {
      const text = readFileSync(path.join(folder, file), 'utf8');
      expect(text).not.toContain(Buffer.from('binary/encrypted').toString('base64'));
      const decoded = [...text.matchAll(/"data":"([^"]*)"/g)].map(([, data]) =>
        Buffer.from(data!, 'base64').toString(),
      );
      expect([text, ...decoded].filter((part) => /node_modules|\.js:\d+:\d+|@\w*host/.test(part))).toEqual(
        [],
      );
    }
  });
});
