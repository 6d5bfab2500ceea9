import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DiffOptions } from './policy-diff';
import type { ExplainOptions } from './policy-explain';
import type { TestOptions, ValidateOptions } from './policy-validate';

/** What the commands need of the program around them. */
export interface PolicyCommandContext {
  readonly exit: (code: number) => void;
}

const registryFile = 'config/detectors.yaml';
const decisions = ['selection', 'routing', 'coverage', 'conflict', 'failure'];

/** `conclave policy …` on folders; what they need is loaded when they run. */
export function addPolicyCommands(policy: Command, { exit }: PolicyCommandContext): void {
  const reporting = (command: Command, formats: readonly string[]): Command =>
    command
      .addOption(
        new Option('--detectors <file>', 'registry of the detectors that bundles may name')
          .default(registryFile)
          .argParser(String),
      )
      .addOption(new Option('--registry <file>', 'the same').hideHelp())
      .addOption(new Option('--format <format>', 'how to print').choices(formats).default('table'));
  const registryOf = (options: { detectors: string; registry?: string }): string =>
    options.registry ?? options.detectors;
  const strict = new Option('--strict', 'take warnings for errors').default(false);
  const reports = ['table', 'json', 'junit'];

  reporting(policy.command('validate'), reports)
    .description('check one bundle: schema, weights, detectors, Rego, its tests and fixtures')
    .argument('<dir>', 'the folder of the bundle, or its policy.yaml')
    .addOption(strict)
    .addHelpText('after', '\nExit codes: 0 valid, 1 invalid or not found, 2 misused, or no opa to say.')
    .action(async (dir: string, options: ValidateOptions & { registry?: string }) => {
      const { printBundleVerdict } = await import('./policy-validate.js');
      exit(await printBundleVerdict(dir, { ...options, detectors: registryOf(options) }));
    });

  reporting(policy.command('validate-all'), reports)
    .description('check every bundle, also against the others of its tenant')
    .argument('[dir]', 'folder of <tenant>/<bundle> folders', 'policies')
    .addOption(strict)
    .addHelpText('after', '\nExit codes: 0 all valid, 1 invalid or not found, 2 misused, or no opa to say.')
    .action(async (dir: string, options: ValidateOptions & { registry?: string }) => {
      const { printVerdicts } = await import('./policy-validate.js');
      exit(await printVerdicts(dir, { ...options, detectors: registryOf(options) }));
    });

  reporting(policy.command('test'), reports)
    .description('run the Rego tests and decision fixtures of a bundle, or of all bundles in a folder')
    .argument('[dir]', 'a bundle, or a folder of <tenant>/<bundle> folders', 'policies')
    .option('--coverage', 'say which lines of the rules no test ran through', false)
    .addOption(
      new Option('--threshold <percent>', 'fail when tests cover less of the rules').argParser(percent),
    )
    .addHelpText(
      'after',
      '\nTests are the test_ rules of *_test.rego; fixtures lie in fixtures/*.yaml (docs/policies.md).',
    )
    .action(async (dir: string, options: TestOptions & { registry?: string }) => {
      const { printTestResults } = await import('./policy-validate.js');
      exit(await printTestResults(dir, { ...options, detectors: registryOf(options) }));
    });

  policy
    .command('fmt')
    .description('rewrite the Rego of a bundle, or of all below a folder, in the usual form')
    .argument('[dir]', 'a bundle, or a folder of <tenant>/<bundle> folders', 'policies')
    .option('--check', 'change nothing; exit with 1 when a file is not in that form', false)
    .action(async (dir: string, { check }: { check: boolean }) => {
      const { formatRego } = await import('./policy-fmt.js');
      exit(await formatRego(dir, check));
    });

  reporting(policy.command('explain'), ['table', 'json'])
    .description('show what a bundle decides on an input, and which of its rules did')
    .argument('<dir>', 'the folder of the bundle')
    .addOption(new Option('--decision <name>', 'what to decide').choices(decisions).makeOptionMandatory())
    .option('--input <file>', 'JSON or YAML with the fields that matter; the others are as usual')
    .option('--trace', "OPA's full trace of the evaluation", false)
    .action(async (dir: string, options: ExplainOptions & { registry?: string }) => {
      const { explainDecision } = await import('./policy-explain.js');
      exit(await explainDecision(dir, { ...options, detectors: registryOf(options) }));
    });

  policy
    .command('compare')
    .description('what changes from one bundle to another: fields and what they mean, then the Rego')
    .argument('<from>', 'the folder of a bundle')
    .argument('<to>', 'the folder of the other')
    .addOption(new Option('--format <format>', 'how to print').choices(['table', 'json']).default('table'))
    .option('--exit-code', 'exit with 1 when there is a difference', false)
    .action(async (from: string, to: string, options: DiffOptions) => {
      const { printDifference } = await import('./policy-diff.js');
      exit(await printDifference(from, to, options));
    });
}

function percent(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 100) return value;
  throw new InvalidArgumentError('must be a percentage, 0 to 100');
}
