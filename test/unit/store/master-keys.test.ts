import { randomBytes } from 'node:crypto';
import fs, {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { masterKeyId, MasterKeys } from '../../../src/store/master-keys';

describe('the master key', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(path.join(tmpdir(), 'conclave-key-'));
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  /** As a process holds them. */
  function load(configured: string | null, dir: string, file: string | null = null): Buffer {
    const keys = MasterKeys.of({ configured, file, dataDir: dir });
    return keys.get(keys.ids[0]!);
  }

  const keyFile = (): string => path.join(dataDir, 'keys', 'master.key');

  it('is made on the first start, kept, and readable by its owner alone', () => {
    const key = load(null, dataDir);
    expect(key).toHaveLength(32);
    expect(load(null, dataDir)).toEqual(key);
    expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(keyFile())).mode & 0o777).toBe(0o700);
    expect(readdirSync(path.dirname(keyFile()))).toEqual(['master.key']);
  });

  describe('of our own outlasts a power failure:', () => {
    /** What is done to the disk, in order; each thing that is made lasting by its name. */
    function watched(): string[] {
      const done: string[] = [];
      const { fsyncSync, linkSync, renameSync } = fs;
      jest.spyOn(fs, 'fsyncSync').mockImplementation((fd) => {
        fsyncSync(fd);
        const { ino, size } = fs.fstatSync(fd);
        const folder = [dataDir, path.dirname(keyFile())].find((each) => statSync(each).ino === ino);
        done.push(folder === undefined ? `${size} bytes` : path.relative(dataDir, folder));
      });
      jest.spyOn(fs, 'linkSync').mockImplementation((...names) => {
        linkSync(...names);
        done.push('link');
      });
      jest.spyOn(fs, 'renameSync').mockImplementation((...names) => {
        renameSync(...names);
        done.push('rename');
      });
      return done;
    }
    afterEach(() => jest.restoreAllMocks());

    it('one that is made is on the disk before it has its name, and its name before it is used', () => {
      const done = watched();
      load(null, dataDir);
      expect(done).toEqual(['', '45 bytes', 'link', 'keys']);
    });

    it('so is one that is added, with those before it', () => {
      const keys = MasterKeys.of({ configured: null, file: null, dataDir });
      const done = watched();
      keys.add();
      expect(done).toEqual(['90 bytes', 'rename', 'keys']);
    });
  });

  it('differs from one installation to the next', () => {
    const other = mkdtempSync(path.join(tmpdir(), 'conclave-key-'));
    expect(load(null, dataDir)).not.toEqual(load(null, other));
    rmSync(other, { recursive: true });
  });

  it('is the one of the settings where they have one, and then no file is made', () => {
    const configured = randomBytes(32);
    expect(load(configured.toString('base64'), dataDir)).toEqual(configured);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it.each([
    ['too short', randomBytes(16).toString('base64')],
    ['too long', randomBytes(33).toString('base64')],
    ['empty', ''],
    ['no base64', '!'.repeat(44)],
  ])('is refused when it is %s, without being quoted', (_case, configured) => {
    const message = 'security.master_key must be 32 bytes in base64';
    expect(() => load(configured, dataDir)).toThrow(message);
    if (configured === '') return;
    expect(() => load(configured, dataDir)).not.toThrow(configured);
  });

  it('is never replaced: a damaged file stops the start and stays as it is', () => {
    mkdirSync(path.dirname(keyFile()));
    writeFileSync(keyFile(), 'half a k');
    expect(() => load(null, dataDir)).toThrow('must be 32 bytes');
    expect(readFileSync(keyFile(), 'utf8')).toBe('half a k');
  });

  describe('beside others', () => {
    const [first, second] = [randomBytes(32), randomBytes(32)];
    const both = `${first.toString('base64')},\n${second.toString('base64')}\n`;

    it('is found by its id, wherever it stands', () => {
      const keys = MasterKeys.of({ configured: both, file: null, dataDir });
      expect(keys.ids).toEqual([masterKeyId(first), masterKeyId(second)]);
      expect(keys.get(masterKeyId(second))).toEqual(second);
      expect(keys.find('unknown')).toBeNull();
    });

    it('is found in a file as soon as it is put there', () => {
      const file = path.join(dataDir, 'mounted');
      writeFileSync(file, first.toString('base64'));
      const keys = MasterKeys.of({ configured: null, file, dataDir });
      expect(keys.find(masterKeyId(second))).toBeNull();
      writeFileSync(file, both);
      keys.reread();
      expect(keys.get(masterKeyId(second))).toEqual(second);
      expect(keys.get(masterKeyId(first))).toEqual(first);
    });

    it('stays known while the file is being replaced', () => {
      const file = path.join(dataDir, 'mounted');
      writeFileSync(file, both);
      const keys = MasterKeys.of({ configured: null, file, dataDir });
      writeFileSync(file, '');
      keys.reread();
      expect(keys.ids).toHaveLength(2);
    });

    it('is added to the file that is our own, for its owner alone, and never to another', () => {
      const own = MasterKeys.of({ configured: null, file: null, dataDir });
      const before = own.ids;
      const id = own.add()!;
      expect(own.ids).toEqual([...before, id]);
      expect(MasterKeys.of({ configured: null, file: null, dataDir }).ids).toEqual([...before, id]);
      expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
      expect(readdirSync(path.dirname(keyFile()))).toEqual(['master.key']);
      expect(MasterKeys.of({ configured: both, file: null, dataDir }).add()).toBeNull();
    });
  });
});
