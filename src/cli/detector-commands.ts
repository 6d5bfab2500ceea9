import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parse } from 'yaml';
import type { DetectorInfo, DetectorList } from '../contract/detector-info';
import { nextCanaryStep } from '../domain/traffic';
import type { ApiTarget } from './api-client';
import { apiCommands, call, callForAll, type CommandContext, type Common, invalid } from './api-commands';
import { printObject, printTable } from './print';

/** `conclave detector …`: the registry over the API (spec/orchestration.md 9.4). */
export function addDetectorCommands(detector: Command, context: CommandContext): void {
  const { command, run } = apiCommands(detector, context);

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

function get(target: ApiTarget, name: string): Promise<DetectorInfo> {
  return call(target, 'GET', pathOf(name));
}

async function allDetectors(
  target: ApiTarget,
  filters: Readonly<Record<string, string | undefined>>,
): Promise<DetectorInfo[]> {
  const pages = await callForAll<DetectorList>(target, '/detectors', ({ detectors }) => detectors, filters);
  return pages.flatMap(({ detectors }) => detectors);
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
