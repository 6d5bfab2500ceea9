import { kindOfAddress } from '../../../src/outbound/addresses';
import { TargetRules } from '../../../src/outbound/target-rules';

describe('kindOfAddress', () => {
  it.each(['8.8.8.8', '1.1.1.1', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808'])(
    '%s is public',
    (address) => {
      expect(kindOfAddress(address)).toBe('public');
    },
  );

  it.each([
    '127.0.0.1',
    '127.255.255.254',
    '0.0.0.0',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '100.64.0.1',
    '169.254.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd12:3456::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:a00:1',
    '::127.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::a9fe:101',
    '64:ff9b:1::7f00:1',
    '2002:7f00:1::',
    '2001:0:7f00:1::',
    '2001:db8::1',
  ])('%s is private', (address) => {
    expect(kindOfAddress(address)).toBe('private');
  });

  it.each([
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    'fd00:ec2::254',
    'fd00:0ec2:0:0:0:0:0:254',
    '100.100.100.200',
    '168.63.129.16',
  ])('%s is a metadata service', (address) => {
    expect(kindOfAddress(address)).toBe('metadata');
  });
});

describe('TargetRules', () => {
  const at = (url: string) => {
    const { protocol, hostname, port } = new URL(url);
    return { protocol, hostname, port };
  };
  const closed = { hosts: [], privateHosts: [], privateNetworks: false, ownUrls: [] };

  it('lets everything through where there is no list', () => {
    const rules = new TargetRules({ ...closed, hosts: null });
    expect(() => rules.checkHost(at('https://anywhere.example'))).not.toThrow();
  });

  it.each([
    ['https://detectors.example', true],
    ['https://DETECTORS.example.:8443', true],
    ['https://a.models.example', true],
    ['https://models.example', false],
    ['https://evilmodels.example', false],
    ['https://detectors.example.evil.example', false],
    ['http://[2606:4700::1111]', true],
    ['http://8.8.8.8', false],
  ])('goes by the list: %s, %s', (url, allowed) => {
    const rules = new TargetRules({
      ...closed,
      hosts: ['detectors.example', '*.models.example', '2606:4700::1111'],
    });
    const check = expect(() => rules.checkHost(at(url)));
    if (allowed) check.not.toThrow();
    else check.toThrow('the host is not on the list of allowed outbound hosts');
  });

  it('allows private addresses to those who may have them, and to our own services', () => {
    const rules = new TargetRules({
      ...closed,
      privateHosts: ['inside.example'],
      ownUrls: ['http://detectors:8010'],
    });
    const host = at('https://outside.example');
    expect(() => rules.checkAddress(host, '8.8.8.8')).not.toThrow();
    expect(() => rules.checkAddress(host, '10.0.0.1')).toThrow('the host leads to a private network');
    expect(() => rules.checkAddress(host, '10.0.0.1', true)).not.toThrow();
    expect(() => rules.checkAddress(at('https://inside.example'), '10.0.0.1')).not.toThrow();
    expect(() => rules.checkHost(at('http://detectors:8010'))).not.toThrow();
    expect(() => rules.checkAddress(at('http://detectors:8010'), '172.18.0.4')).not.toThrow();
    expect(() => rules.checkHost(at('http://detectors:8011'))).toThrow();
  });

  it('refuses a target that may be in a private network elsewhere, but does not want to', () => {
    const rules = new TargetRules({ ...closed, privateNetworks: true });
    expect(() => rules.checkAddress(at('http://x.example'), '127.0.0.1')).not.toThrow();
    expect(() => rules.checkAddress(at('http://x.example'), '127.0.0.1', false)).toThrow();
  });

  it('refuses metadata services to everybody', () => {
    const rules = new TargetRules({ ...closed, privateNetworks: true, privateHosts: ['x.example'] });
    expect(() => rules.checkAddress(at('http://x.example'), '169.254.169.254', true)).toThrow(
      'the host leads to a metadata service',
    );
  });
});
