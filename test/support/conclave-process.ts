import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { assertPortFree } from '../../src/embedded/ports';
import { runtimeFolder } from '../../src/embedded/postgres-cluster';
import { eventually } from './eventually';

const root = path.resolve(__dirname, '..', '..');

export const mainFile = path.join(root, 'dist', 'cli', 'main.js');
/** What `npm start` runs. */
export const startScript = path.join(root, 'scripts', 'start.mjs');

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The program as a user runs it, with everything it writes. */
export class ConclaveProcess {
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #output = '';

  constructor(script: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, [script, ...args], {
      cwd: root,
      env: { ...withoutSettings(process.env), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    this.exited = new Promise((resolve) =>
      this.#child.once('close', (code, signal) => resolve({ code, signal })),
    );
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get output(): string {
    return this.#output;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves once the text was written; fails when the process ends without it. */
  async says(text: string): Promise<void> {
    await eventually(
      () => ({ said: this.#output.includes(text), ended: !this.isRunning, output: this.#output }),
      ({ said, ended }) => said || ended,
      { withinMs: 60_000 },
    );
    if (!this.#output.includes(text)) throw new Error(`ended without saying "${text}": ${this.#output}`);
  }

  ready(): Promise<void> {
    return this.says('Ctrl-C stops everything.');
  }

  async end(signal: NodeJS.Signals): Promise<Exit> {
    this.#child.kill(signal);
    return this.exited;
  }
}

/** A data folder and ports of its own, and whatever a test starts on them. */
export class Machine {
  readonly dataDir = mkdtempSync(path.join(tmpdir(), 'conclave-start-'));
  /** Ms that each start took until it was ready. */
  readonly startTimes: number[] = [];
  readonly #started: ConclaveProcess[] = [];

  private constructor(readonly ports: Readonly<Record<PortSetting, number>>) {
    chmodSync(this.dataDir, 0o755);
  }

  static async create(): Promise<Machine> {
    const ports = await steadyPorts(portSettings.length);
    return new Machine(
      Object.fromEntries(portSettings.map((name, index) => [name, ports[index]!])) as Record<
        PortSetting,
        number
      >,
    );
  }

  run(
    args: readonly string[] = ['start'],
    env: Readonly<Record<string, string>> = {},
    script = mainFile,
  ): ConclaveProcess {
    const settings = { ...this.ports, ORCHESTRATION_DATA_DIR: this.dataDir, ...env };
    const variables = Object.entries(settings).map(([name, value]) => [name, String(value)]);
    const process = new ConclaveProcess(
      script,
      args,
      Object.fromEntries(variables) as Record<string, string>,
    );
    this.#started.push(process);
    return process;
  }

  async started(): Promise<ConclaveProcess> {
    const began = Date.now();
    const process = this.run();
    await process.ready();
    this.startTimes.push(Date.now() - began);
    return process;
  }

  get url(): string {
    return `http://127.0.0.1:${this.ports.ORCHESTRATION_PORT}/api/v1`;
  }

  /** Process of a server by its pid file, e.g. `temporal`. */
  serverPid(name: string): number {
    const record = JSON.parse(readFileSync(path.join(this.dataDir, `${name}.pid`), 'utf8')) as {
      child: { pid: number };
    };
    return record.child.pid;
  }

  /** Every process that works on the data folder, by command line, environment or working directory. */
  processes(): string[] {
    return readdirSync('/proc')
      .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
      .filter((pid) => this.#worksHere(pid))
      .map((pid) => `${pid} ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').slice(0, 120)}`);
  }

  async untilNoProcess(): Promise<void> {
    await eventually(
      () => this.processes(),
      (left) => left.length === 0,
    );
  }

  async clear(): Promise<void> {
    for (const process of this.#started) await process.end('SIGTERM');
    await this.untilNoProcess();
    const parent = path.dirname(this.dataDir);
    for (const name of readdirSync(parent).filter((name) => name.startsWith(path.basename(this.dataDir))))
      rmSync(path.join(parent, name), { recursive: true });
    rmSync(runtimeFolder(this.dataDir), { recursive: true, force: true });
  }

  #worksHere(pid: string): boolean {
    const places = [runtimeFolder(this.dataDir), this.dataDir];
    const facts = [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`].map(read).concat(workingDir(pid));
    return places.some((place) => facts.some((fact) => fact.includes(place)));
  }
}

const portSettings = [
  'ORCHESTRATION_PORT',
  'ORCHESTRATION_MAPPER__PORT',
  'ORCHESTRATION_REGISTRY__BUILTIN_PORT',
  'ORCHESTRATION_WORKFLOW__EMBEDDED_PORT',
  'ORCHESTRATION_WORKFLOW__EMBEDDED_UI_PORT',
  'ORCHESTRATION_DATABASE__EMBEDDED_PORT',
] as const;
export type PortSetting = (typeof portSettings)[number];

/** What the shell makes of a line that was printed for pasting. */
export async function paste(line: string): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', ['-c', line]);
  return stdout;
}

/**
 * Free ports that stay free over restarts: below the range that systems give to outgoing connections and to port 0, and
 * out of a block that the other test processes leave alone.
 */
export async function steadyPorts(count: number): Promise<number[]> {
  const found: number[] = [];
  for (let port = 20_000 + (process.pid % 600) * 20; found.length < count; port += 1) {
    const free = await assertPortFree({ port, purpose: '', setting: '' }).then(
      () => true,
      () => false,
    );
    if (free) found.push(port);
  }
  return found;
}

function withoutSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith('ORCHESTRATION_')),
  );
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function workingDir(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}
