import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { conclave } from '../../support/conclave-command';
import { eventually } from '../../support/eventually';
import { type Part, System } from '../../support/system';
import { needlesFor, newMarks, searchBytes } from './marker-search';

const marks = newMarks();
const masterKey = randomBytes(32).toString('base64');
const webhookSecret = `whsec_${Buffer.from(`${marks.word}${randomBytes(24).toString('hex')}`).toString('base64')}`;
const settings = {
  ORCHESTRATION_SECURITY__MASTER_KEY: masterKey,
  ORCHESTRATION_SECURITY__WEBHOOK_SECRET: webhookSecret,
  ORCHESTRATION_SECURITY__CODEC_TOKEN: `codec-${marks.word}`,
  ORCHESTRATION_AUTH__JWT_SECRET_KEY: `jwt-${marks.word}-${'x'.repeat(32)}`,
  ORCHESTRATION_MAPPER__SERVICE_KEY: `mapper-${marks.word}`,
};

/** What of the secrets is in some bytes, by name. */
function found(bytes: Buffer): string[] {
  const whole = Object.entries(settings).filter(([, secret]) => bytes.includes(secret));
  const word = needlesFor(marks).filter(({ mark }) => mark === 'word');
  return [...whole.map(([name]) => name), ...searchBytes(bytes, word, '').map(({ encoding }) => encoding)];
}

/** Throws from within, when it is told to, an error that has all it could lay its hands on. */
const crashes = `process.on('SIGPWR', () => {
  throw Object.assign(new Error('gone wrong with ' + process.env.ORCHESTRATION_SECURITY__CODEC_TOKEN), {
    config: { ...process.env }, cause: new Error(process.env.ORCHESTRATION_SECURITY__MASTER_KEY) });
});`;

describe('Secrets of the settings', () => {
  let system: System;
  let reports: string;
  beforeAll(async () => {
    system = await System.start({ parts: [] });
    reports = path.join(system.dataDir, 'reports');
    mkdirSync(reports);
    const preload = path.join(system.dataDir, 'crashes.cjs');
    writeFileSync(preload, crashes);
    const NODE_OPTIONS = [
      `--require ${preload}`,
      `--report-uncaught-exception --report-on-signal --report-on-fatalerror --report-directory ${reports}`,
    ].join(' ');
    for (const kind of ['worker', 'api'] as const) {
      await system.startPart(kind, { ...settings, NODE_OPTIONS, ORCHESTRATION_LOG_LEVEL: 'trace' });
    }
  });
  afterAll(() => system?.stop());

  const alive = (): Part[] => system.parts.filter((part) => part.process.exitCode === null);

  it('are there to be found', () => {
    const all = Buffer.from(Object.values(settings).join('\n'));
    expect(found(all)).toEqual(expect.arrayContaining(Object.keys(settings)));
  });

  it('are in no arguments of a process', () => {
    const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    const ours = processes.flatMap((pid) => {
      try {
        return [{ pid, line: readFileSync(`/proc/${pid}/cmdline`) }];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
    for (const part of alive()) {
      const own = ours.find(({ pid }) => pid === String(part.process.pid));
      expect(own!.line.toString()).toContain('main.js');
    }
    expect(ours.filter(({ line }) => found(line).length > 0)).toEqual([]);
  });

  it('are masked in what explains the settings', async () => {
    const env = { ...settings, ORCHESTRATION_CONFIG_PATH: path.join(system.dataDir, 'settings.yaml') };
    for (const section of ['security', 'auth', 'mapper', 'database', 'workflow']) {
      const { code, stdout, stderr } = await conclave(['config', 'explain', section], env);
      expect([code, found(Buffer.from(stdout + stderr))]).toEqual([0, []]);
    }
    const { stdout } = await conclave(['config', 'explain', 'security.master_key'], env);
    expect(stdout).toContain('"********"');
  });

  it('are in no log of requests, of a crash, and in no report of one', async () => {
    expect((await system.orchestrate()).status).toBeLessThan(300);
    for (const part of alive()) {
      const gone = new Promise<number | null>((resolve) => part.process.once('exit', resolve));
      part.process.kill('SIGUSR2');
      await eventually(
        () => part.log.includes('no diagnostic report') || readdirSync(reports).length > 0,
        (told) => told,
      );
      part.process.kill('SIGPWR');
      expect(await gone).toBe(1);
      const log = await eventually(
        () => part.log,
        (text) => text.includes('an error that nobody caught ends this process'),
      );
      expect([part.kind, found(Buffer.from(log))]).toEqual([part.kind, []]);
    }
    const written = readdirSync(reports).map((name) => readFileSync(path.join(reports, name)));
    expect(written.flatMap((report) => found(report))).toEqual([]);
  });
});
