import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { eventually } from '../../support/eventually';
import { FakeDetectors } from '../../support/fake-detectors';
import { MockUpstream } from '../../support/mock-upstream';
import { forgetful, patience } from '../../support/patience';
import { System } from '../../support/system';

interface ConfigStatus {
  readonly version: string;
  readonly last_reload_error: string | null;
}

const within = { withinMs: 20_000, everyMs: 25 };
const lanes = 3;

describe('configuration reloads under traffic', () => {
  const before = new MockUpstream();
  const after = new MockUpstream();
  /** Where a detector moves to. */
  const moved = new FakeDetectors();
  let system: System;
  let file: string;
  beforeAll(async () => {
    await Promise.all([before.listen(), after.listen(), moved.listen()]);
    before.answer(200, { 'content-type': 'text/plain' }, 'before');
    after.answer(200, { 'content-type': 'text/plain' }, 'after');
    system = await System.start({
      env: { ...patience, ...forgetful },
      detectors: ['steady', { name: 'changing', version: '1.0' }],
      policies: { 'demo/default': { policy: { required_detectors: ['steady', 'changing'] } } },
    });
    file = path.join(system.dataDir, 'detectors.yaml');
  });
  afterAll(async () => {
    await system?.stop();
    before.close();
    after.close();
    await moved.close();
  });

  /** As editors and ConfigMaps do it: written elsewhere, then put in its place. */
  const put = (text: string): void => {
    writeFileSync(`${file}.next`, text);
    renameSync(`${file}.next`, file);
  };
  const listing = (changing: object, people: object, steady: object = {}): string =>
    stringify({
      detectors: [
        { name: 'steady', ...steady },
        { name: 'changing', ...changing },
      ].map((detector) => ({
        endpoint: system.detectors.url,
        ...detector,
      })),
      endpoints: [{ name: 'people', methods: ['GET', 'POST'], ...people }],
    });
  const status = async () => (await system.request<ConfigStatus>('GET', '/config/status')).body;
  const applied = async (text: string): Promise<ConfigStatus> => {
    const { version } = await status();
    put(text);
    return eventually(status, (now) => now.version !== version && now.last_reload_error === null, within);
  };

  it('drop no request: proxied or judged, over changes, a bad file, its rollback and new versions [C3] [C6]', async () => {
    await applied(listing({ version: '1.0' }, { url: before.url }));
    const traffic = new Traffic(system);
    traffic.start();
    await traffic.flows();

    // The same content again, and a change of one entry.
    for (let again = 0; again < 3; again++) {
      expect((await system.request('POST', '/config/reload')).status).toBe(200);
      await traffic.flows();
    }
    await applied(listing({ version: '1.0', timeout_ms: 4000 }, { url: before.url, timeout: 20 }));
    await traffic.flows();

    // A bad file, and the good one again.
    const { version } = await status();
    const good = readFileSync(file, 'utf8');
    put('detectors: [{ name: changing }]');
    await eventually(status, ({ last_reload_error: error }) => error !== null, within);
    expect((await system.request('POST', '/config/reload')).status).toBe(422);
    await traffic.flows();
    put(good);
    await eventually(status, ({ last_reload_error: error }) => error === null, within);
    expect((await status()).version).toBe(version);
    await traffic.flows();

    // Another version in the place of the one that is asked; a detector and an upstream that move.
    await applied(listing({ version: '2.0' }, { url: after.url }, { endpoint: moved.url }));
    await moved.called('steady');
    await eventually(
      () => traffic.seen,
      ({ bodies, versions }) => bodies.has('after') && versions.has('2.0'),
      within,
    );
    await traffic.flows();

    const answers = await traffic.stop();
    expect(answers.filter(({ failed }) => failed)).toEqual([]);
    expect(traffic.seen.versions).toEqual(new Set(['1.0', '2.0']));
    expect(traffic.seen.bodies).toEqual(new Set(['before', 'after']));
    expect(answers.length).toBeGreaterThan(8 * lanes);
  });
});

interface Answered {
  readonly what: 'proxied' | 'judged';
  /** What was wrong with it; absent: nothing. */
  readonly failed?: string;
}

/** Requests without a pause, some proxied, some judged, until it is stopped. */
class Traffic {
  readonly seen = { bodies: new Set<string>(), versions: new Set<unknown>() };
  readonly #answers: Answered[] = [];
  readonly #lanes: Promise<void>[] = [];
  #stopped = false;

  constructor(private readonly system: System) {}

  start(): void {
    for (let lane = 0; lane < lanes; lane++) {
      this.#lanes.push(
        this.#repeat(() => this.#judged()),
        this.#repeat(() => this.#proxied()),
      );
    }
  }

  /** Resolves when every lane has sent and been answered once more, so that what was changed before has been met. */
  async flows(): Promise<void> {
    const [proxied, judged] = [this.#count('proxied'), this.#count('judged')];
    await eventually(
      () => [this.#count('proxied') - proxied, this.#count('judged') - judged],
      (more) => more.every((count) => count > 2 * lanes),
      within,
    );
  }

  async stop(): Promise<readonly Answered[]> {
    this.#stopped = true;
    await Promise.all(this.#lanes);
    return this.#answers;
  }

  #count(what: Answered['what']): number {
    return this.#answers.filter((answer) => answer.what === what).length;
  }

  async #repeat(send: () => Promise<Answered>): Promise<void> {
    while (!this.#stopped) this.#answers.push(await send());
  }

  async #judged(): Promise<Answered> {
    try {
      const { status, body, text } = await this.system.orchestrate();
      if (status !== 200) return { what: 'judged', failed: `${status} ${text}` };
      const changing = body.detector_results.find(({ detector }) => detector === 'changing');
      this.seen.versions.add(changing?.metadata?.['detector_version']);
      return { what: 'judged' };
    } catch (error) {
      return { what: 'judged', failed: String(error) };
    }
  }

  async #proxied(): Promise<Answered> {
    try {
      const response = await fetch(`${this.system.url}/api/v1/proxy/people/list`, {
        method: 'POST',
        body: 'who?',
      });
      const text = await response.text();
      if (response.status !== 200) return { what: 'proxied', failed: `${response.status} ${text}` };
      this.seen.bodies.add(text);
      return { what: 'proxied' };
    } catch (error) {
      return { what: 'proxied', failed: String(error) };
    }
  }
}
