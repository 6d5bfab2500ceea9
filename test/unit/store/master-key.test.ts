import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadMasterKey } from '../../../src/store/master-key';

describe('the master key', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(path.join(tmpdir(), 'conclave-key-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  const keyFile = (): string => path.join(dataDir, 'keys', 'master.key');

  it('is made on the first start, kept, and readable by its owner alone', () => {
    const key = loadMasterKey(null, dataDir);
    expect(key).toHaveLength(32);
    expect(loadMasterKey(null, dataDir)).toEqual(key);
    expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(keyFile())).mode & 0o777).toBe(0o700);
    expect(readdirSync(path.dirname(keyFile()))).toEqual(['master.key']);
  });

  it('differs from one installation to the next', () => {
    const other = mkdtempSync(path.join(tmpdir(), 'conclave-key-'));
    expect(loadMasterKey(null, dataDir)).not.toEqual(loadMasterKey(null, other));
    rmSync(other, { recursive: true });
  });

  it('is the one of the settings where they have one, and then no file is made', () => {
    const configured = randomBytes(32);
    expect(loadMasterKey(configured.toString('base64'), dataDir)).toEqual(configured);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it.each([
    ['too short', randomBytes(16).toString('base64')],
    ['too long', randomBytes(33).toString('base64')],
    ['empty', ''],
    ['no base64', '!'.repeat(44)],
  ])('is refused when it is %s, without being quoted', (_case, configured) => {
    const message = 'security.master_key must be 32 bytes in base64';
    expect(() => loadMasterKey(configured, dataDir)).toThrow(message);
    if (configured === '') return;
    expect(() => loadMasterKey(configured, dataDir)).not.toThrow(configured);
  });

  it('is never replaced: a damaged file stops the start and stays as it is', () => {
    mkdirSync(path.dirname(keyFile()));
    writeFileSync(keyFile(), 'half a k');
    expect(() => loadMasterKey(null, dataDir)).toThrow('must be 32 bytes');
    expect(readFileSync(keyFile(), 'utf8')).toBe('half a k');
  });
});
