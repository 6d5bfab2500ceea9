import type { lookup as systemLookup } from 'node:dns';
import { Webhook } from 'standardwebhooks';
import { settingsSchema } from '../../../src/contract/config';
import { CallbackSender } from '../../../src/outbound/callback-sender';
import { Secrets } from '../../../src/outbound/secrets';
import { MockUpstream } from '../../support/mock-upstream';

const secret = `whsec_${Buffer.from('a secret of the test, 32 bytes..').toString('base64')}`;
const message = { tenantId: 'acme', id: 'job-1', body: Buffer.from('{"status":"completed"}') };

/** A resolver that knows one address at a time. */
function leadingTo(...addresses: string[]): typeof systemLookup {
  let asked = 0;
  const lookup = (_name: string, _options: object, found: (error: null, all: object[]) => void) =>
    found(null, [{ address: addresses[Math.min(asked++, addresses.length - 1)]!, family: 4 }]);
  return lookup as unknown as typeof systemLookup;
}

describe('CallbackSender', () => {
  const receiver = new MockUpstream();
  const open: CallbackSender[] = [];
  beforeAll(() => receiver.listen());
  beforeEach(() => receiver.reset());
  afterEach(() => Promise.all(open.splice(0).map((sender) => sender.close())));
  afterAll(() => receiver.close());

  const configured: { SECRET?: string } = { SECRET: secret };
  function senderWith({
    production = false,
    hosts = ['127.0.0.1', '*.acme.example'],
    private_hosts = [] as string[],
    environment = configured,
    lookup = leadingTo('127.0.0.1'),
    own = null as readonly string[] | null,
  } = {}): CallbackSender {
    const tenants = [{ tenant_id: 'acme', hosts, secret_refs: ['env:SECRET'] }];
    const { callbacks } = settingsSchema.parse({ callbacks: { tenants, private_hosts, timeout_ms: 500 } });
    const sender = new CallbackSender(callbacks, production, {
      secrets: Secrets.of(environment),
      hostsOf: () => own,
      lookup,
    });
    open.push(sender);
    return sender;
  }
  const port = () => new URL(receiver.url).port;

  it.each([
    ['https://hooks.acme.example/x', true, null],
    ['http://hooks.acme.example/', false, null],
    ['http://hooks.acme.example/', true, /https/],
    ['https://acme.example/', true, /callbacks\.tenants/],
    ['https://hooks.acme.example.evil.example/', true, /callbacks\.tenants/],
    ['https://user@hooks.acme.example/', true, /credentials/],
    ['https://127.0.0.1/', true, /private network/],
    ['https://127.0.0.1/', false, null],
    ['gopher://hooks.acme.example/', false, /https/],
    ['hooks.acme.example', false, /URL/],
    [`https://hooks.acme.example/${'x'.repeat(2000)}`, true, /at most/],
  ])('%s in production %s', (url, production, refusal) => {
    const said = senderWith({ production }).refusalOf('acme', url);
    if (refusal === null) expect(said).toBeNull();
    else expect(said).toMatch(refusal);
  });

  it.each([
    ['https://hooks.acme.example/', ['other.example'], /callback_hosts/],
    ['https://other.example/', ['other.example'], null],
    // Somebody else's receiver inside our own network.
    ['https://inside.corp/', ['inside.corp'], /callback_hosts/],
    ['https://hooks.acme.example/', [], /callback_hosts/],
  ])('%s where the tenant itself has set %j', (url, own, refusal) => {
    const said = senderWith({ own, private_hosts: ['inside.corp'] }).refusalOf('acme', url);
    if (refusal === null) expect(said).toBeNull();
    else expect(said).toMatch(refusal);
  });

  it('calls a private host back that the tenant has chosen among those of the settings', () => {
    const given = { hosts: ['inside.corp', 'b.example'], private_hosts: ['inside.corp'] };
    expect(
      senderWith({ ...given, own: ['inside.corp'] }).refusalOf('acme', 'https://inside.corp/'),
    ).toBeNull();
  });

  it('allows nothing to a tenant that is not configured', () => {
    expect(senderWith().refusalOf('other', 'https://hooks.acme.example/')).toMatch(/callbacks\.tenants/);
  });

  it('signs so that the library of the standard takes it', async () => {
    expect(await senderWith().send({ ...message, url: receiver.url })).toEqual({
      status: 200,
      fault: null,
      retryAfterMs: null,
    });
    const [{ body, headers } = { body: '', headers: {} }] = receiver.seen;
    expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toEqual({
      status: 'completed',
    });
  });

  it.each([
    [500, {}, 'http_status', null],
    [429, { 'retry-after': '7' }, 'http_status', 7000],
    [410, {}, 'receiver_gone', null],
    [307, { location: 'http://127.0.0.1:1/' }, 'redirected', null],
  ])('takes %i for what it is', async (status, headers, fault, retryAfterMs) => {
    receiver.answer(status, headers);
    expect(await senderWith().send({ ...message, url: receiver.url })).toEqual({
      status,
      fault,
      retryAfterMs,
    });
  });

  it('waits no longer than it is told to', async () => {
    receiver.handler = () => undefined;
    expect(await senderWith().send({ ...message, url: receiver.url })).toMatchObject({
      status: null,
      fault: 'timeout',
    });
  });

  it('knocks in vain at a closed port', async () => {
    expect(await senderWith().send({ ...message, url: 'http://127.0.0.1:1/' })).toMatchObject({
      fault: 'connection_failed',
    });
  });

  it.each([
    ['a private network', '127.0.0.1', { production: true }],
    ['a metadata service', '169.254.169.254', { production: false }],
  ])('does not follow a name into %s [C.9]', async (_what, address, options) => {
    const sender = senderWith({ ...options, lookup: leadingTo(address) });
    const url = `${options.production ? 'https' : 'http'}://hooks.acme.example:${port()}/`;
    expect(sender.refusalOf('acme', url)).toBeNull();
    expect(await sender.send({ ...message, url })).toMatchObject({ status: null, fault: 'target_refused' });
    expect(receiver.seen).toEqual([]);
  });

  it('judges a name by where it leads at each attempt [C.9]', async () => {
    const sender = senderWith({ lookup: leadingTo('169.254.169.254', '127.0.0.1') });
    const url = `http://hooks.acme.example:${port()}/`;
    expect((await sender.send({ ...message, url })).fault).toBe('target_refused');
    expect((await sender.send({ ...message, url })).fault).toBeNull();
  });

  it.each([{}, { SECRET: 'not of the scheme' }])('sends nothing unsigned: %j', async (environment) => {
    expect(await senderWith({ environment }).send({ ...message, url: receiver.url })).toMatchObject({
      fault: 'secret_unavailable',
    });
    expect(receiver.seen).toEqual([]);
  });
});
