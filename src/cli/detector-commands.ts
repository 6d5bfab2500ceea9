import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { parse } from 'yaml';
import type { DetectorInfo, DetectorList } from '../contract/detector-info';
import { nextCanaryStep } from '../domain/traffic';
import type { ApiTarget } from './api-client';
import { printObject, printTable, type Format } from './print';

interface Common {
  readonly url?: string;
  readonly tenant?: string;
  readonly format: Format;
}

/** What the commands need of the program around them. */
export interface CommandContext {
  /** Of the facade that the settings name. */
  readonly defaultUrl: () => string;
  readonly exit: (code: number) => void;
}

const invalid = 1;
const misused = 2;
const pageSize = 200;

/** `conclave detector …`: the registry over the API (spec/orchestration.md 9.4). */
export function addDetectorCommands(detector: Command, context: CommandContext): void {
  const command = (name: string, description: string): Command =>
    detector
      .command(name)
      .description(description)
      .option('--url <url>', 'address of the API (default: what the settings say)')
      .option('--tenant <tenant>', 'ask as this tenant')
      .addOption(new Option('--format <format>', 'how to print').choices(['table', 'json']).default('table'));

  const run =
    <T extends Common>(work: (target: ApiTarget, options: T, ...args: string[]) => Promise<number | void>) =>
    async (...given: unknown[]): Promise<void> => {
      // Commander hands over the arguments, then the options, then the command.
      const options = given.at(-2) as T;
      const args = given.slice(0, -2) as string[];
      const { ConnectionError } = await import('./api-client.js');
      try {
        const target = { url: options.url ?? context.defaultUrl(), tenant: options.tenant };
        context.exit((await work(target, options, ...args)) ?? 0);
      } catch (error) {
        console.error((error as Error).message);
        context.exit(error instanceof ConnectionError ? misused : invalid);
      }
    };

  command('list', 'detectors and how they are')
    .option('--status <status>', 'active or inactive')
    .option('--type <type>', 'detector_type')
    .option('--content-type <type>', 'text, image, document or code')
    .action(
      run<Common & { status?: string; type?: string; contentType?: string }>(async (target, options) => {
        const detectors = await allDetectors(target, {
          status: options.status,
          detector_type: options.type,
          content_type: options.contentType,
        });
        printTable(options.format, detectors, {
          name: ({ name }) => name,
          version: ({ version }) => version,
          traffic: ({ traffic_percent: percent }) => `${percent} %`,
          status: ({ status }) => status,
          health: ({ health_status: health }) => health,
          breaker: ({ circuit_breaker_state: state }) => state,
          source: ({ source }) => source,
          endpoint: ({ endpoint }) => endpoint,
        });
      }),
    );

  command('show', 'one detector: name, or name@version')
    .argument('<name>')
    .action(run(async (target, { format }, name) => printObject(format, await get(target, name))));

  command('health', 'health and breaker of one detector')
    .argument('<name>')
    .action(
      run(async (target, { format }, name) => {
        const health = await call<{ is_healthy: boolean }>(target, 'GET', `${pathOf(name)}/health`);
        printObject(format, health);
        return health.is_healthy ? 0 : invalid;
      }),
    );

  command('register', 'register the detector that a YAML or JSON file describes')
    .argument('<file>')
    .option('--force', 'whatever its verification says', false)
    .option('--no-verify', 'without asking it anything')
    .action(
      run<Common & { force: boolean; verify: boolean }>(async (target, { format, force, verify }, file) => {
        const body = { ...readDocument(file), force, verify };
        printObject(format, await call(target, 'POST', '/detectors', body));
      }),
    );

  command('update', 'change a detector to what a YAML or JSON file describes')
    .argument('<name>')
    .argument('<file>')
    .option('--force', 'whatever its verification says', false)
    .option('--no-verify', 'without asking it anything')
    .action(
      run<Common & { force: boolean; verify: boolean }>(
        async (target, { format, force, verify }, name, file) => {
          const body = { ...readDocument(file), force, verify };
          printObject(format, await call(target, 'PUT', pathOf(name), body));
        },
      ),
    );

  command('unregister', 'take a detector out')
    .argument('<name>')
    .action(
      run(async (target, { format }, name) => {
        await call(target, 'DELETE', pathOf(name));
        printObject(format, { unregistered: name });
      }),
    );

  command('test', 'one call with a sample; without one, with what the detector must flag')
    .argument('<name>')
    .option('--content <text>')
    .action(
      run<Common & { content?: string }>(async (target, { format, content }, name) => {
        const body = content === undefined ? {} : { content };
        const said = await call<{ ok: boolean }>(target, 'POST', `${pathOf(name)}/test`, body);
        printObject(format, said);
        return said.ok ? 0 : invalid;
      }),
    );

  command('traffic', 'share the requests for a name among its versions: 1.0=95 2.0=5')
    .argument('<name>')
    .argument('[shares...]')
    .option('--canary <version>', 'give this version its next step of 5, 25, 50, 100 %')
    .action(
      run<Common & { canary?: string }>(async (target, { format, canary }, name, ...rest) => {
        const shares = rest.flat();
        const versions = canary === undefined ? sharesIn(shares) : await nextStep(target, name, canary);
        printObject(format, await call(target, 'PUT', `${pathOf(name)}/traffic`, { versions }));
      }),
    );
}

async function call<T>(target: ApiTarget, method: string, path: string, body?: unknown): Promise<T> {
  const { callApi } = await import('./api-client.js');
  return callApi<T>(target, method, path, body);
}

function get(target: ApiTarget, name: string): Promise<DetectorInfo> {
  return call(target, 'GET', pathOf(name));
}

async function allDetectors(
  target: ApiTarget,
  filters: Readonly<Record<string, string | undefined>>,
): Promise<DetectorInfo[]> {
  const all: DetectorInfo[] = [];
  let token: string | undefined;
  do {
    const asked = { ...filters, limit: String(pageSize), page_token: token };
    const given = Object.entries(asked).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const page = await call<DetectorList>(
      target,
      'GET',
      `/detectors?${new URLSearchParams(given).toString()}`,
    );
    all.push(...page.detectors);
    token = page.next_page_token;
  } while (token !== undefined);
  return all;
}

/** The canary's next step; the other versions share the rest as they shared it before. */
async function nextStep(target: ApiTarget, name: string, canary: string): Promise<Record<string, number>> {
  const versions = (await allDetectors(target, { status: 'active' })).filter((one) => one.name === name);
  const found = versions.find(({ version }) => version === canary);
  if (!found) throw new Error(`${name} has no active version ${canary}`);
  const step = nextCanaryStep(found.traffic_percent);
  const others = versions.filter((one) => one !== found && one.traffic_percent > 0);
  const total = others.reduce((sum, { traffic_percent: percent }) => sum + percent, 0);
  const shares = others.map(({ version, traffic_percent: percent }): [string, number] => [
    version,
    Math.floor((percent / total) * (100 - step)),
  ]);
  const given = shares.reduce((sum, [, percent]) => sum + percent, step);
  if (shares[0]) shares[0][1] += 100 - given;
  return { ...Object.fromEntries(shares), [canary]: others.length === 0 ? 100 : step };
}

function sharesIn(shares: readonly string[]): Record<string, number> {
  const pairs = shares.map((share) => {
    const [, version, percent] = /^([^=]+)=(\d{1,3})$/.exec(share) ?? [];
    if (version === undefined) throw new Error(`${share} is no share: write <version>=<percent>`);
    return [version, Number(percent)] as const;
  });
  if (pairs.length === 0) throw new Error('name the shares, as in 1.0=95 2.0=5, or --canary <version>');
  return Object.fromEntries(pairs);
}

function readDocument(file: string): Record<string, unknown> {
  const document: unknown = parsed(file);
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new Error(`${file} describes no detector: name, endpoint, … are expected at its top`);
  }
  if ('detectors' in document) {
    throw new Error(`${file} is a registry file; write one of its detectors, without the list, to a file`);
  }
  return document as Record<string, unknown>;
}

function parsed(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`${file} cannot be read (${code === 'ENOENT' ? 'there is no such file' : code})`);
  }
  try {
    return parse(text) as unknown;
  } catch (error) {
    throw new Error(`${file} is neither YAML nor JSON: ${(error as Error).message}`);
  }
}

function pathOf(name: string): string {
  return `/detectors/${encodeURIComponent(name)}`;
}
