import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createClient } from 'redis';
import { eventually } from '../../support/eventually';
import { flags } from '../../support/fake-detectors';
import { patience } from '../../support/patience';
import { type Part, System } from '../../support/system';
import { TcpProxy } from '../../support/tcp-proxy';
import { ownOf, send, useOf, usesOf } from './cache-support';
import { deafen, ended, hearAgain, submitJob } from './job-support';

const redisUrl = process.env['CONCLAVE_TEST_REDIS_URL'];
const withRedis = redisUrl === undefined ? describe.skip : describe;

withRedis('The response cache that facades share', () => {
  const proxy = TcpProxy.before(redisUrl ?? 'redis://127.0.0.1:1');
  let system: System;
  let facades: [Part, Part];
  beforeAll(async () => {
    await proxy.open();
    system = await System.start({
      env: { ...patience, ORCHESTRATION_REDIS_URL: `redis://${proxy.address}` },
    });
    facades = [system.facade, await system.startPart('api')];
  });
  beforeEach(() => {
    system.detectors.reset();
    system.url = facades[0].url;
  });
  afterAll(async () => {
    await system?.stop();
    await proxy.cut();
  });

  async function through(facade: Part, ...bodies: readonly object[]): Promise<(string | null)[]> {
    system.url = facade.url;
    return usesOf(system, ...bodies);
  }

  /** Another facade, for the length of a test. */
  async function withFacade<T>(use: (facade: Part) => Promise<T>): Promise<T> {
    const facade = await system.startPart('api');
    try {
      return await use(facade);
    } finally {
      await facade.end();
    }
  }

  /** Rewrites a file of the system for the length of a test. */
  async function edited(file: string, edit: (text: string) => string, then: () => Promise<void>) {
    const full = path.join(system.dataDir, file);
    const before = readFileSync(full, 'utf8');
    expect(edit(before)).not.toBe(before);
    writeFileSync(full, edit(before));
    try {
      await then();
    } finally {
      writeFileSync(full, before);
    }
  }

  it('answers at one what another has judged, also after a restart [8] [8.1] [C.5] [F.13]', async () => {
    system.detectors.behave('a', flags('toxic', 0.9));
    const body = system.body();
    const first = await send(system, body);
    system.url = facades[1].url;
    const second = await send(system, body);
    expect([useOf(first), useOf(second)]).toEqual(['MISS', 'HIT']);
    expect(ownOf(second.body).verdict).toEqual(ownOf(first.body).verdict);
    expect(await withFacade((started) => through(started, body))).toEqual(['HIT']);
    expect(system.detectors.calls).toHaveLength(3);
  });

  it('keeps what a job came to, whichever process published it [8.1]', async () => {
    const content = `a text of its own ${randomUUID()}`;
    await ended(system, await submitJob(system, { content }));
    for (const facade of facades) {
      // Published is not yet kept: that follows in a moment.
      await eventually(
        async () => useOf(await sendThrough(facade, system.body({ content }))),
        (use) => use === 'HIT',
      );
    }
    expect(system.detectors.callsOf('a').length).toBeLessThanOrEqual(2);
  });

  it('gives nothing of what was kept under another policy or registry [8.1] [C.5]', async () => {
    const body = system.body();
    expect(await through(facades[0], body)).toEqual(['MISS']);
    const bundle = path.join('policies', 'demo', 'default', 'policy.yaml');
    await edited(
      bundle,
      (text) => `${text}priority_weights: { a: 2 }\n`,
      async () => expect(await withFacade((facade) => through(facade, body, body))).toEqual(['MISS', 'HIT']),
    );
    await edited(
      'detectors.yaml',
      (text) => text.replace('name: a\n', 'name: a\n    priority_weight: 3\n'),
      async () => expect(await withFacade((facade) => through(facade, body, body))).toEqual(['MISS', 'HIT']),
    );
    expect(await through(facades[1], body)).toEqual(['HIT']);
  });

  it('hears of an invalidation within a second, everywhere [8] [C.5]', async () => {
    for (const query of ['tenant_id=demo&policy_bundle=default', 'detector=b']) {
      const body = system.body();
      expect(await through(facades[0], body)).toEqual(['MISS']);
      expect(await through(facades[1], body)).toEqual(['HIT']);
      system.url = facades[0].url;
      expect((await system.request('DELETE', `/cache?${query}`)).status).toBe(204);
      await eventually(
        () => through(facades[1], body),
        ([use]) => use === 'MISS',
        { withinMs: 1000, everyMs: 10 },
      );
      expect(await through(facades[0], body)).toEqual(['HIT']);
    }
  });

  it('gives nothing old also when facades cannot hear each other [8] [C.5]', async () => {
    const body = system.body();
    expect(await through(facades[0], body)).toEqual(['MISS']);
    expect(await through(facades[1], body)).toEqual(['HIT']);
    await deafen(system);
    try {
      system.url = facades[0].url;
      expect((await system.request('DELETE', '/cache?detector=b')).status).toBe(204);
      await eventually(
        () => through(facades[1], body),
        ([use]) => use !== 'HIT',
        { withinMs: 1000, everyMs: 10 },
      );
    } finally {
      await hearAgain(system);
    }
  });

  it('holds nothing that can be read, and no name on which contents could be tried [C.9]', async () => {
    const word = `marker${randomUUID().replaceAll('-', '')}`;
    system.detectors.behave('a', flags(word, 0.9));
    const body = system.body({ metadata: { note: 'noted' } });
    expect((await send(system, body)).text).toContain(word);
    expect(await usesOf(system, body)).toEqual(['HIT']);
    const client = createClient({ url: redisUrl! });
    await client.connect();
    try {
      const keys = await client.keys('conclave:answer:demo/dev/*');
      expect(keys.length).toBeGreaterThan(0);
      for (const key of keys) {
        expect(await client.pTTL(key)).toBeGreaterThan(0);
        expect(key + (await client.get(key))!).not.toMatch(new RegExp(`${word}|noted|detector_results`));
      }
    } finally {
      client.destroy();
    }
  });

  it.each(['is gone', 'says nothing'])(
    'does without a Redis that %s, and finds it again [C.5]',
    async (how) => {
      const body = system.body();
      expect(await usesOf(system, body, body)).toEqual(['MISS', 'HIT']);
      if (how === 'is gone') await proxy.cut();
      else proxy.stall();
      try {
        const began = Date.now();
        for (let i = 0; i < 20; i++) expect(await usesOf(system, body)).toEqual(['BYPASS']);
        // Detectors and all: nobody waits for Redis each time.
        expect((Date.now() - began) / 20).toBeLessThan(500);
      } finally {
        if (how !== 'is gone') await proxy.cut();
        await proxy.open();
      }
      await eventually(
        async () => (await usesOf(system, body))[0],
        (use) => use === 'HIT',
      );
    },
  );

  async function sendThrough(facade: Part, body: object) {
    system.url = facade.url;
    return send(system, body);
  }
});
