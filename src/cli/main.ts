#!/usr/bin/env node
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { OpaUnavailable } from '../policy/opa-unavailable';
import { explainSetting, loadSettings, SettingsError } from '../config/load-settings';
import { unsafeSettings } from '../config/unsafe-settings';
import type { ConformanceOptions } from './conformance';
import type { Part } from './start';
import { addAllowListCommands } from './allow-list-commands';
import { addApiKeyCommands } from './api-key-commands';
import { addAuditCommands } from './audit-commands';
import { addDetectorCommands } from './detector-commands';
import { addEvidenceCommands } from './evidence-commands';
import { addKeysCommands } from './keys-commands';
import { addPolicySimulateCommand } from './policy-simulate';
import { addPolicyShadowCommands } from './policy-shadow';
import { addPolicyStoreCommands } from './policy-store-commands';
import { addPolicyCommands } from './policy';
import { addTenantCommands } from './tenant-commands';
import { addTokenCommands } from './token-commands';
import { version } from './version';

// What a command needs is loaded when it runs: a look at the settings must not wait for Temporal's libraries.
const parts: readonly Part[] = ['all', 'api', 'worker', 'mapper', 'detectors'];
const invalid = 1;
const misused = 2;

/** The one program of Conclave. Exit codes: 0 ok, 1 invalid or not found, 2 misused or not able to. */
function program(): Command {
  const conclave = new Command('conclave')
    .description('Durable orchestrator for content-safety and compliance detectors')
    .version(version)
    // So that commands may have a --version of their own.
    .enablePositionalOptions()
    .showHelpAfterError('(see --help)')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : misused));

  conclave
    .command('start')
    .description('run everything on this machine, or one part against external servers')
    .addArgument(new Argument('[part]', 'what to run').choices([...parts]).default('all'))
    .option('--reset', 'move the data folder aside first and start afresh', false)
    .action(async (part: Part, options: { reset: boolean }) => {
      const { start } = await import('./start.js');
      process.exitCode = await start(part, loadSettings().settings, options);
      // Whatever a library has left open must not keep a stopped process alive.
      process.exit();
    });

  conclave
    .command('setup')
    .description('prepare the external PostgreSQL and Temporal that the settings name; safe to repeat')
    .action(async () => {
      const { setUp } = await import('./setup.js');
      await setUp(loadSettings().settings, console.log);
    });

  conclave
    .command('build')
    .description('bundle the workflows and compile the policies')
    .action(async () => {
      const { build } = await import('./build.js');
      process.exitCode = await build(loadSettings().settings.policy.store_path);
    });

  const config = conclave.command('config').description('check and explain the settings');
  config
    .command('validate')
    .description('check settings files and ORCHESTRATION_* variables')
    .action(() => {
      const faults = unsafeSettings(loadSettings().settings);
      if (faults.length > 0) return fail(['the configuration is not safe:', ...faults].join('\n  - '));
      console.log('the configuration is valid');
    });
  config
    .command('explain')
    .description('show what a setting is, and where that comes from')
    .argument('<key>', 'dotted name, e.g. service.port')
    .action((key: string) => {
      const explained = explainSetting(loadSettings(), key);
      if (!explained) return fail(`there is no setting ${key}`);
      console.log(`${key} = ${explained.value}  (${explained.source})`);
    });

  const exit = (code: number): void => void (process.exitCode = code);
  const api = {
    defaultUrl: () => {
      const { host, port } = loadSettings().settings.service;
      return `http://${host}:${port}`;
    },
    exit,
  };
  const policy = conclave.command('policy').description('work on policy bundles');
  addPolicyCommands(policy, { exit });
  addPolicyStoreCommands(policy, api);
  addPolicyShadowCommands(policy, api);
  addPolicySimulateCommand(policy, api);

  addAllowListCommands(conclave.command('allow-list').description('let findings that are none go by'), api);
  addApiKeyCommands(conclave.command('api-key').description('work on API keys'), exit);
  addKeysCommands(conclave.command('keys').description('work on what everything is encrypted under'), api);
  addAuditCommands(conclave.command('audit').description('verify and export the audit log'), exit);
  addEvidenceCommands(
    conclave
      .command('evidence')
      .description('give auditors what is on record, and verify what they were given'),
    exit,
  );
  addTenantCommands(conclave.command('tenant').description('work on tenants'), api);
  addTokenCommands(conclave.command('token').description('work on tokens'), api);

  const detector = conclave.command('detector').description('work on detectors');
  detector
    .command('quality')
    .description('precision and recall of the builtin detectors over their labelled corpora')
    .argument('[names...]', 'default: all')
    .action(async (names: string[]) => {
      const { printQuality } = await import('./quality.js');
      await printQuality(names);
    });

  addDetectorCommands(detector, api);
  detector
    .command('conformance')
    .description('run a battery of checks against a server of the Detectors API and print a report')
    .argument('<url>', 'address of the server, e.g. http://127.0.0.1:8010', httpAddress)
    .requiredOption('--detector-id <id>', 'which of its detectors to ask')
    .option(
      '--sample <text>',
      'a text in which it finds something; repeatable',
      (text: string, all: readonly string[]) => [...all, text],
      [],
    )
    .option('--bearer-env <name>', 'environment variable that holds a bearer token')
    .addOption(
      new Option('--timeout <ms>', 'how long an answer may take').default(10_000).argParser(positive),
    )
    .addOption(new Option('--format <format>', 'how to print').choices(['table', 'json']).default('table'))
    .action(async (url: string, options: ConformanceOptions) => {
      const { printConformance } = await import('./conformance.js');
      process.exitCode = await printConformance(url, options);
    });

  return conclave;
}

function httpAddress(text: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text;
  throw new InvalidArgumentError('must begin with http:// or https://');
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('must be a positive whole number');
}

function fail(message: string, code = invalid): void {
  console.error(message);
  process.exitCode = code;
}

program()
  .parseAsync()
  .catch((error: unknown) => {
    const message = error instanceof Error ? error.message : 'something went wrong';
    if (error instanceof OpaUnavailable) fail(`${message}\n(${String(error.cause)})`, misused);
    else fail(message);
    if (!(error instanceof SettingsError) && process.env['CONCLAVE_DEBUG'] !== undefined)
      console.error(error);
  });
