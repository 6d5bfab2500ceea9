import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import type { ErrorResponse } from '../../../src/contract/answer';
import type { CreatedApiKey } from '../../../src/contract/api-keys';
import { expectContractError } from '../../support/contract-error';
import { eventually } from '../../support/eventually';
import { type HttpAnswer, type Part, System } from '../../support/system';

const replayed = ({ headers }: HttpAnswer<unknown>) => headers.get('idempotency-replayed') === 'true';

describe('Changes under an Idempotency-Key', () => {
  let system: System;
  let facades: readonly [Part, Part];
  beforeAll(async () => {
    system = await System.start({
      detectors: ['a', 'b'],
      policies: { 'acme/default': { policy: {} }, 'demo/default': { policy: {} } },
      parts: ['api', 'api', 'worker'],
      env: { ORCHESTRATION_POLICY_STORE_TYPE: 'postgres' },
    });
    const [one, other] = system.parts.filter(({ kind }) => kind === 'api');
    facades = [one!, other!];
  });
  afterAll(() => system?.stop());

  /** Through one of the facades, for acme unless the headers say otherwise. */
  function ask<T = ErrorResponse>(
    facade: Part,
    method: string,
    route: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HttpAnswer<T>> {
    system.url = facade.url;
    return system.request<T>(method, route, body, { 'X-Tenant-ID': 'acme', ...headers });
  }

  const keyed = (key: string = randomUUID()) => ({ 'Idempotency-Key': key });
  const newKey = (description: string = randomUUID()) => ({
    tenant_id: 'acme',
    description,
    roles: ['viewer'],
  });

  async function keysOf(description: string): Promise<number> {
    const { rows } = await system.db.query('select 1 from api_key where description = $1', [description]);
    return rows.length;
  }

  function detector(name: string) {
    return {
      name,
      endpoint: `${system.detectors.url}/a`,
      tenant_id: 'acme',
      capabilities: { supported_content_types: ['text'] },
    };
  }

  it('are made once, however many ask two facades at the same time [8.2] [C.5]', async () => {
    const asked = newKey();
    const headers = keyed();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, call) =>
        ask<CreatedApiKey>(facades[call % 2]!, 'POST', '/api-keys', asked, headers),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 201));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(await keysOf(asked.description)).toBe(1);
  });

  it('are answered verbatim, at either facade, with nothing in the store that could be read [8.2] [C.5]', async () => {
    const [asked, headers] = [newKey(), keyed()];
    const first = await ask<CreatedApiKey>(facades[0], 'POST', '/api-keys', asked, headers);
    expect([first.status, replayed(first)]).toEqual([201, false]);
    const again = await ask<CreatedApiKey>(
      facades[1],
      'POST',
      '/api-keys',
      // What is left out is the same as its default, in whatever order.
      { scopes: [], ...asked },
      headers,
    );
    expect([again.status, again.text, replayed(again)]).toEqual([201, first.text, true]);
    expect(again.headers.get('idempotency-key')).toBe(headers['Idempotency-Key']);
    expect(again.headers.get('content-type')).toBe(first.headers.get('content-type'));
    const { rows } = await system.db.query<{ all: string }>(
      `select encode(string_agg(answer || key_hash, ''), 'escape') as all from kept_answer`,
    );
    expect(rows[0]!.all).not.toContain(first.body.api_key.slice(-20));
    expect(rows[0]!.all).not.toContain(headers['Idempotency-Key']);
  });

  it('are refused for another body, another resource or another caller, and of no concern to other tenants [8.2]', async () => {
    const [asked, headers] = [newKey(), keyed()];
    const first = await ask<CreatedApiKey>(facades[0], 'POST', '/api-keys', asked, headers);
    const conflict = { status: 409, detail: 'idempotency_conflict' };
    expectContractError(await ask(facades[1], 'POST', '/api-keys', newKey(), headers), conflict);
    expectContractError(
      await ask(facades[1], 'POST', '/api-keys', asked, { ...headers, 'X-Principal': 'eve' }),
      conflict,
    );
    const other = await ask<CreatedApiKey>(
      facades[0],
      'POST',
      '/api-keys',
      { ...asked, tenant_id: 'demo' },
      { ...headers, 'X-Tenant-ID': 'demo' },
    );
    expect([other.status, other.body.key_id === first.body.key_id]).toEqual([201, false]);
    const rotated = await ask<CreatedApiKey>(
      facades[0],
      'POST',
      `/api-keys/${first.body.key_id}/rotate`,
      undefined,
      headers,
    );
    expect([rotated.status, replayed(rotated)]).toEqual([201, false]);
  });

  it('that fail leave their key free [8.2]', async () => {
    const name = `late-${randomUUID().slice(0, 8)}`;
    const headers = keyed();
    const put = () => ask(facades[0], 'PUT', `/detectors/${name}`, detector(name), headers);
    expect((await put()).status).toBe(404);
    expect((await put()).status).toBe(404);
    expect((await ask(facades[0], 'POST', '/detectors', detector(name))).status).toBe(201);
    const made = await put();
    expect([made.status, replayed(made)]).toEqual([200, false]);
    expect(replayed(await put())).toBe(true);
  });

  it.each(['x'.repeat(65), 'two words'])('refuse the key %j', async (key) => {
    expectContractError(
      await ask(facades[0], 'DELETE', '/cache?tenant_id=acme&policy_bundle=default', undefined, keyed(key)),
      {
        detail: 'invalid_idempotency_key',
      },
    );
  });

  it('are described as they were made, and in force where they were made when they are answered [8.2] [3.2]', async () => {
    for (let turn = 0; turn < 20; turn++) {
      const name = `seen-${randomUUID().slice(0, 8)}`;
      const made = await ask<{ name: string }>(facades[0], 'POST', '/detectors', detector(name), keyed());
      expect([made.status, made.body.name]).toEqual([201, name]);
      expect((await ask(facades[0], 'GET', `/detectors/${name}`)).status).toBe(200);
      expect((await ask(facades[0], 'DELETE', `/detectors/${name}`, undefined, keyed())).status).toBe(204);
      expect((await ask(facades[0], 'GET', `/detectors/${name}`)).status).toBe(404);
    }
  });

  it('that are refused take no key of a tenant with them, by which others are served [8.2]', async () => {
    const route = `/tenants/new-${randomUUID().slice(0, 8)}`;
    const put = (body: object) => ask<{ name: string }>(facades[0], 'PUT', route, body, keyed());
    expect((await put({})).status).toBe(400);
    expect((await put({ name: 'A new one' })).status).toBe(200);
    const seen = await ask<{ name: string }>(facades[1], 'GET', route);
    expect([seen.status, seen.body.name]).toEqual([200, 'A new one']);
  });

  it('that have many detectors asked before they are made are one change all the same [8.2]', async () => {
    const file = path.join(system.dataDir, 'detectors.yaml');
    const { detectors: listed } = parse(readFileSync(file, 'utf8')) as { detectors: object[] };
    const names = Array.from({ length: 12 }, (_, at) => `listed-${at}`);
    const more = names.map((name) => ({ name, endpoint: system.detectors.url, detector_id: 'a' }));
    writeFileSync(`${file}.next`, stringify({ detectors: [...listed, ...more] }));
    renameSync(`${file}.next`, file);
    // Here and there the file is being read by itself meanwhile.
    const reloaded = await eventually(
      () => ask(facades[0], 'POST', '/config/reload', undefined, keyed()),
      ({ text }) => !text.includes('RELOAD_IN_PROGRESS'),
    );
    expect([reloaded.status, reloaded.text]).toEqual([200, expect.stringContaining('"success":true')]);
    for (const name of names) expect((await ask(facades[0], 'GET', `/detectors/${name}`)).status).toBe(200);
  });

  it('of every kind are repeated [8.2]', async () => {
    const name = `kind-${randomUUID().slice(0, 8)}`;
    const bundle = `bundle-${randomUUID().slice(0, 8)}`;
    const policy = {
      required_detectors: ['a'],
      coverage_calculation: { calculation_method: 'required_set' },
    };
    const changes: [string, string, unknown, number][] = [
      ['POST', '/detectors', detector(name), 201],
      ['PUT', `/detectors/${name}/traffic`, { versions: { '1.0': 100 } }, 200],
      ['DELETE', `/detectors/${name}`, undefined, 204],
      ['PUT', `/policies/${bundle}`, { policy, description: 'a bundle' }, 201],
      ['DELETE', `/policies/${bundle}`, undefined, 204],
      ['DELETE', '/cache?tenant_id=acme&policy_bundle=default', undefined, 204],
    ];
    for (const [method, route, body, status] of changes) {
      const headers = keyed();
      const first = await ask(facades[0], method, route, body, headers);
      expect([route, first.status, first.text]).toEqual([route, status, first.text]);
      const again = await ask(facades[1], method, route, body, headers);
      expect([route, again.status, again.text, replayed(again)]).toEqual([route, status, first.text, true]);
      expect(again.headers.get('location')).toBe(first.headers.get('location'));
    }
  });

  it.each(['change_claimed', 'change_made', 'change_kept', 'change_committed'])(
    'survive a facade that is killed at %s: a repetition has one execution’s effect [8.2] [C.5]',
    async (at) => {
      const doomed = await system.startPart('api', { CONCLAVE_PAUSE_AT: at });
      const [asked, headers] = [newKey(), keyed()];
      const name = `killed-${randomUUID().slice(0, 8)}`;
      const lost = [
        ask(doomed, 'POST', '/api-keys', asked, headers),
        ask(doomed, 'POST', '/detectors', detector(name), headers),
      ].map((call) =>
        call.then(
          () => 'answered',
          () => 'lost',
        ),
      );
      await doomed.paused(at, 2);
      await doomed.kill();
      expect(await Promise.all(lost)).toEqual(['lost', 'lost']);
      const again = await ask<CreatedApiKey>(facades[0], 'POST', '/api-keys', asked, headers);
      const registered = await ask(facades[0], 'POST', '/detectors', detector(name), headers);
      expect([again.status, registered.status]).toEqual([201, 201]);
      const isKept = at === 'change_committed';
      expect([replayed(again), replayed(registered)]).toEqual([isKept, isKept]);
      expect(await keysOf(asked.description)).toBe(1);
      const { rows } = await system.db.query('select 1 from upstream where endpoint_id like $1', [
        `%${name}%`,
      ]);
      expect(rows).toHaveLength(1);
    },
  );
});
