import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import request from 'supertest';
import type { FirewallEvent } from '../../../src/api/firewall';
import { ConclaveError } from '../../../src/contract/errors';
import { anonymous, type Identity } from '../../../src/contract/identity';
import { exchange } from '../../support/raw-http';
import type { Batches } from '../../../src/submission/batches';
import { answerOf, appWith, body, expectError } from './support';

const injection = "x' OR '1'='1' --";
const orchestrate = '/api/v1/orchestrate';
const acme: Identity = { ...anonymous, method: 'api_key', subject: 'key:k', tenantId: 'acme' };

async function guarded(options: Parameters<typeof appWith>[0] = {}) {
  const events: FirewallEvent[] = [];
  const app = await appWith({
    ...options,
    firewall: { noticed: (event) => void events.push(event), ...options.firewall },
  });
  return { app, events };
}

async function served(app: RequestListener): Promise<{ port: number; close: () => void }> {
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}

describe('The firewall', () => {
  it('blocks an injection in metadata, names the field, and tells nobody the text [F.5]', async () => {
    const { app, events } = await guarded();
    const response = await request(app)
      .post(orchestrate)
      .send({ ...body, metadata: { user: { notes: ['fine', injection] } } });
    expectError(response, {
      detail: 'waf_blocked',
      paths: ['metadata.user.notes[1]'],
    });
    expect(response.text).not.toContain('OR');
    expect(events).toEqual([
      expect.objectContaining({ type: 'sql_injection', action: 'blocked', where: 'metadata.user.notes[1]' }),
    ]);
    expect(JSON.stringify(events)).not.toContain(injection);
  });

  it('passes the same text as content, and in a name like any other [F.5]', async () => {
    const submitted: unknown[] = [];
    const { app, events } = await guarded({
      submit: (accepted) => {
        submitted.push(accepted.request.content);
        return Promise.resolve(answerOf(200));
      },
    });
    const metadata = { name: "O'Brien", wish: 'select a plan; drop me a line' };
    const { status } = await request(app)
      .post(orchestrate)
      .send({ ...body, content: injection, metadata });
    expect([status, submitted, events]).toEqual([200, [injection], []]);
  });

  it('does not echo the name of a field that is the attack', async () => {
    const { app } = await guarded();
    const response = await request(app)
      .post(orchestrate)
      .send({ ...body, metadata: { '<script>alert(1)</script>': 1 } });
    expectError(response, { detail: 'waf_blocked', paths: ['metadata'] });
    expect(response.text).not.toContain('script>');
  });

  it.each([
    ['a header', orchestrate, { 'X-Correlation-ID': injection }, 'x-correlation-id'],
    ['a header that nobody reads', orchestrate, { Referer: '<script>x</script>' }, 'referer'],
    ['the query', `${orchestrate}?q=${encodeURIComponent(injection)}`, {}, 'query'],
    ['the query, encoded twice', `${orchestrate}?q=%253Cscript%253E`, {}, 'query'],
    ['the path', '/api/v1/orchestrate/status/%3Cscript%3E', {}, 'path'],
    ['a path that leads nowhere', '/nowhere/%3Cscript%3E', {}, 'path'],
  ])('blocks an attack in %s before it asks who calls [F.5]', async (_name, path, headers, where) => {
    const { app, events } = await guarded({
      authenticate: () => Promise.reject(new ConclaveError('UNAUTHORIZED', 'who are you?')),
    });
    const response = await request(app).post(path).set(headers).send(body);
    expectError(response, { detail: 'waf_blocked', paths: [where] });
    expect(events).toMatchObject([{ where, identity: null, tenantId: null }]);
  });

  it('does not echo an attack that came as the correlation id', async () => {
    const { app } = await guarded();
    const response = await request(app).get('/api/v1/health').set('X-Correlation-ID', '<script>');
    expectError(response, { detail: 'waf_blocked' });
    expect(response.headers['x-correlation-id'] + response.text).not.toContain('script');
  });

  it('blocks a way up through the path, which clients would resolve themselves', async () => {
    const { app } = await guarded();
    const { port, close } = await served(app);
    const answer = await exchange(port, 'GET /api/v1/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n');
    close();
    expect([answer.status, answer.json['detail']]).toEqual([400, 'waf_blocked']);
  });

  it('asks who calls before it reads the body', async () => {
    const { app } = await guarded({
      authenticate: () => Promise.reject(new ConclaveError('UNAUTHORIZED', 'who are you?')),
    });
    const response = await request(app)
      .post(orchestrate)
      .send({ ...body, metadata: { a: injection } });
    expectError(response, { code: 'UNAUTHORIZED' });
  });

  it('lets in and counts what only resembles an attack', async () => {
    const { app, events } = await guarded();
    const metadata = { query: 'SELECT name FROM users WHERE id = 7' };
    const { status } = await request(app)
      .post(orchestrate)
      .send({ ...body, metadata });
    expect([status, events.map(({ action, level }) => [action, level])]).toEqual([
      200,
      [['counted', 'medium']],
    ]);
  });

  it('lets in what it would block in mode monitor, and the bodies of monitored tenants', async () => {
    const attack = { ...body, metadata: { a: injection } };
    const monitor = await guarded({ firewall: { mode: 'monitor' } });
    expect((await request(monitor.app).post(`${orchestrate}?q=<script>`).send(attack)).status).toBe(200);
    expect(monitor.events.map(({ action }) => action)).toEqual(['monitored', 'monitored']);

    const tenant = await guarded({
      authenticate: () => Promise.resolve(acme),
      firewall: { monitoredTenants: ['acme'] },
    });
    expect((await request(tenant.app).post(orchestrate).send(attack)).status).toBe(200);
    expect(tenant.events).toMatchObject([{ action: 'monitored', tenantId: 'acme' }]);
    expectError(await request(tenant.app).post(orchestrate).set('X-A', injection).send(body), {
      detail: 'waf_blocked',
    });
  });

  it('makes an attack in an item of a batch that item’s fault', async () => {
    const seen: unknown[] = [];
    const { app } = await guarded({
      batches: {
        submit: ({ items }: Parameters<Batches['submit']>[0]) => {
          seen.push(...items.map((item) => ('fault' in item ? item.fault.detail : 'taken')));
          return Promise.resolve({ body: Buffer.from('{}'), replayed: false });
        },
      },
    });
    await request(app)
      .post(`${orchestrate}/batch`)
      .set('Idempotency-Key', 'k')
      .send({ requests: [body, { ...body, metadata: { a: injection } }, { ...body, content: injection }] });
    expect(seen).toEqual(['taken', 'waf_blocked', 'taken']);
  });

  it('takes policies that name what they are against, but not as their description', async () => {
    const taken: unknown[] = [];
    const { app } = await guarded({
      checkPolicy: (check: unknown) => {
        taken.push(check);
        return Promise.reject(new Error('far enough'));
      },
    });
    const policy = { policy_data: { blocklist: [injection, '<script>'] } };
    const rego = `package x\nbad { contains(input.text, "${'<script>'}") }`;
    const check = { policy_bundle: 'default', policy, rego };
    await request(app).post('/api/v1/policies/validate').set('X-Tenant-ID', 'acme').send(check);
    expect(taken).toHaveLength(1);
    const put = await request(app)
      .put('/api/v1/policies/default')
      .set('X-Tenant-ID', 'acme')
      .send({ policy, rego: { 'x.rego': rego }, description: injection });
    expectError(put, { detail: 'waf_blocked', paths: ['description'] });
  });

  it('answers in the way of the product that a façade stands in for', async () => {
    const { app } = await guarded();
    const response = await request(app).post('/webhooks/portkey').set('X-A', injection).send({});
    expect([response.status, (response.body as { verdict: boolean }).verdict]).toEqual([200, false]);
  });
});
