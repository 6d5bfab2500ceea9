import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AuditKeys, loadAuditKeys } from '../../../src/store/audit-keys';

const dir = () => mkdtempSync(path.join(tmpdir(), 'audit-keys-'));
const text = Buffer.from('what is signed');
const unset = { signing_key: null, trusted_keys: [] };

describe('The keys of checkpoints', () => {
  it('are made once, for nobody else to read', () => {
    const folder = dir();
    const keys = loadAuditKeys(unset, folder);
    expect(loadAuditKeys(unset, folder).id).toBe(keys.id);
    expect(statSync(path.join(folder, 'keys', 'audit.key')).mode & 0o777).toBe(0o600);
  });

  it.each(['pem', 'der'] as const)('come from the settings, as %s', (format) => {
    const { privateKey } = generateKeyPairSync('ed25519');
    const written =
      format === 'pem'
        ? String(privateKey.export({ type: 'pkcs8', format }))
        : privateKey.export({ type: 'pkcs8', format }).toString('base64');
    const folder = dir();
    expect(loadAuditKeys({ ...unset, signing_key: written }, folder).id).toBe(
      new AuditKeys(privateKey, []).id,
    );
  });

  it('know their own signatures and those of trusted ones', () => {
    const [own, former, stranger] = [1, 2, 3].map(() => loadAuditKeys(unset, dir())) as [
      AuditKeys,
      AuditKeys,
      AuditKeys,
    ];
    const folder = dir();
    loadAuditKeys(unset, folder);
    const keys = loadAuditKeys({ ...unset, trusted_keys: [own.publicKey, former.publicKey] }, folder);
    expect(keys.verify(keys.id, text, keys.sign(text))).toBe('valid');
    expect(keys.verify(former.id, text, former.sign(text))).toBe('valid');
    expect(keys.verify(former.id, text, own.sign(text))).toBe('invalid');
    expect(keys.verify(own.id, Buffer.from('another'), own.sign(text))).toBe('invalid');
    expect(keys.verify(stranger.id, text, stranger.sign(text))).toBe('unknown_key');
  });

  it.each(['x', 'AAAA', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----'])(
    'are refused without a word of what they are: %s',
    (signing_key) => {
      expect(() => loadAuditKeys({ ...unset, signing_key }, dir())).toThrow(
        'audit.signing_key must be an Ed25519 key (make one with: openssl genpkey -algorithm ed25519)',
      );
    },
  );

  it('of another kind are refused', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const signing_key = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    expect(() => loadAuditKeys({ ...unset, signing_key }, dir())).toThrow('must be an Ed25519 key');
    const trusted = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
    expect(() => loadAuditKeys({ ...unset, trusted_keys: [trusted] }, dir())).toThrow('audit.trusted_keys');
  });
});
