import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { eventually } from '../../support/eventually';
import { System } from '../../support/system';

const within = { withinMs: 10_000, everyMs: 25 };

describe('the registry file', () => {
  let system: System;
  let file: string;
  beforeAll(async () => {
    system = await System.start({
      parts: ['api', 'api', 'worker'],
      detectors: ['a', 'b'],
      policies: { 'demo/default': { policy: { required_detectors: ['a'], optional_detectors: ['b', 'c'] } } },
    });
    file = path.join(system.dataDir, 'detectors.yaml');
  });
  afterAll(() => system?.stop());

  const edit = (change: (detectors: object[]) => object[]): void => {
    const { detectors } = parse(readFileSync(file, 'utf8')) as { detectors: object[] };
    writeFileSync(file, stringify({ detectors: change(detectors) }));
  };
  const ready = async (url: string) => (await fetch(`${url}/health/ready`)).status;
  const facades = () => system.parts.filter(({ kind }) => kind === 'api').map(({ url }) => url);

  it('adds a detector that is used without a restart, within ten seconds, at every process [18.2] [C3]', async () => {
    edit((detectors) => [...detectors, { name: 'c', endpoint: system.detectors.url }]);
    for (const url of facades()) {
      system.url = url;
      const answer = await eventually(
        () => system.orchestrate({ required_detectors: ['c'] }),
        ({ status }) => status === 200,
        within,
      );
      expect(answer.body.detector_results.map(({ detector, status }) => [detector, status])).toEqual([
        ['a', 'success'],
        ['c', 'success'],
      ]);
    }
  });

  it('says in the log what was added, updated and removed, under which version [C8] [C4]', async () => {
    const loaded = await eventually(
      () => system.parts.filter(({ log }) => /"config_version":"2-[0-9a-f]{12}"/.test(log)),
      (parts) => parts.length === 3,
      within,
    );
    const changes = loaded.map(({ log }) => /"added":\["c@1\.0"\],"updated":\[\],"removed":\[\]/.test(log));
    expect(changes).toEqual([true, true, true]);
  });

  it('changes nothing when an edit is bad, and every process stays up [C6]', async () => {
    const before = readFileSync(file, 'utf8');
    writeFileSync(file, 'detectors: [{ name: a }]');
    await eventually(
      () => system.parts.filter(({ log }) => log.includes('the registry file is not applied')).length,
      (told) => told === 3,
      within,
    );
    expect((await system.orchestrate({ required_detectors: ['c'] })).status).toBe(200);
    writeFileSync(file, before);
  });

  it('takes a detector out: who requires it is told, and it is in no list', async () => {
    edit((detectors) => detectors.filter((detector) => (detector as { name: string }).name !== 'c'));
    await eventually(
      async () => (await system.request<{ total_count: number }>('GET', '/detectors')).body.total_count,
      (total) => total === 2,
      within,
    );
    expect((await system.orchestrate({ required_detectors: ['c'] })).status).toBe(400);
  });

  it('may be missing or bad at the start: alive, not ready, and healed by a valid one [C7]', async () => {
    const own = path.join(system.dataDir, 'late.yaml');
    const late = await system.startPart('api', { ORCHESTRATION_DETECTOR_REGISTRY_PATH: own });
    expect((await fetch(`${late.url}/health/live`)).status).toBe(200);
    expect(await ready(late.url)).toBe(503);
    writeFileSync(own, 'detectors: nothing');
    await eventually(
      () => late.log,
      (log) => log.includes('expected array'),
      within,
    );
    expect(await ready(late.url)).toBe(503);
    writeFileSync(own, readFileSync(file, 'utf8'));
    await eventually(
      () => ready(late.url),
      (status) => status === 200,
      within,
    );
  });
});
