import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '../../support/eventually';
import { System } from '../../support/system';

describe('A secret in a file', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'conclave-secrets-'));
  const file = path.join(folder, 'token');
  const reference = `file:${file}`;
  let system: System;
  beforeAll(async () => {
    writeFileSync(file, 'the first\n');
    const auth = { auth_type: 'bearer_token', auth_config: { secret_ref: reference } } as const;
    system = await System.start({ detectors: [{ name: 'a', ...auth }] });
  });
  afterAll(async () => {
    await system?.stop();
    rmSync(folder, { recursive: true });
  });

  const shown = async (): Promise<string | undefined> => {
    await system.orchestrate();
    return system.detectors.callsOf('a').at(-1)?.headers.authorization;
  };

  it('that is rotated is used without a restart, and its being read is on record by name [platform 21.2]', async () => {
    expect(await shown()).toBe('Bearer the first');
    writeFileSync(file, 'the second\n');
    expect(await eventually(shown, (value) => value !== 'Bearer the first')).toBe('Bearer the second');
    const { rows } = await eventually(
      () => system.db.query<{ record: object }>(`select record from audit where kind = 'secret_read'`),
      ({ rows: found }) => found.length > 0,
    );
    for (const { record } of rows) expect(record).toEqual({ reference, outcome: 'read' });
    // Of each process once, however often it was read.
    expect(rows.length).toBeLessThanOrEqual(system.parts.length);
  });
});
