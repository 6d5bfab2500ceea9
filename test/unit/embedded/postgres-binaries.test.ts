import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { copyHome, isReachable, postgresHome } from '../../../src/embedded/postgres-binaries';

describe('the binaries of PostgreSQL', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'conclave-postgres-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('have their symbolic links after being asked for, though npm packages carry none', () => {
    const library = path.join(
      postgresHome(),
      'lib',
      process.platform === 'darwin' ? 'libpq.dylib' : 'libpq.so.5',
    );
    rmSync(library);
    postgresHome();
    expect(lstatSync(library).isSymbolicLink()).toBe(true);
    expect(existsSync(library)).toBe(true);
  });

  it('are out of reach of another account behind a folder closed to others', () => {
    const stranger = { uid: 64_123, gid: 64_123 };
    chmodSync(folder, 0o755);
    const inner = path.join(folder, 'inner');
    mkdirSync(inner, { mode: 0o755 });
    expect(isReachable(inner, stranger)).toBe(true);
    chmodSync(folder, 0o700);
    expect(isReachable(inner, stranger)).toBe(false);
    expect(isReachable(inner, { uid: statSync(folder).uid, gid: 0 })).toBe(true);
  });

  it('are open to all after a copy, whatever their mode was', () => {
    const home = path.join(folder, 'home');
    mkdirSync(path.join(home, 'bin'), { recursive: true, mode: 0o700 });
    writeFileSync(path.join(home, 'bin', 'postgres'), '', { mode: 0o700 });
    writeFileSync(path.join(home, 'notes'), '', { mode: 0o600 });
    const copy = copyHome(home, path.join(folder, 'copy'));
    const mode = (file: string): number => statSync(path.join(copy, file)).mode & 0o777;
    expect([mode('.'), mode('bin'), mode('bin/postgres'), mode('notes')]).toEqual([
      0o755, 0o755, 0o755, 0o644,
    ]);
  });
});
