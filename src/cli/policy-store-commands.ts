import { type Command, InvalidArgumentError, Option } from 'commander';
import type {
  PoliciesMigrated,
  PolicyDiff,
  PolicyDocument,
  PolicyList,
  PolicyVersion,
  PolicyVersionList,
} from '../contract/policy-store';
import type { ApiTarget } from './api-client';
import { apiCommands, call, callForAll, type CommandContext, type Common, invalid } from './api-commands';
import { type Format, printObject, printTable } from './print';

interface AsPrincipal extends Common {
  readonly as?: string;
}

interface PutOptions extends AsPrincipal {
  readonly description: string;
  readonly draft: boolean;
  readonly requiresApproval: boolean;
  readonly nextVersion: boolean;
  readonly expect?: string;
  readonly shape?: number;
}

/** `conclave policy …`, as far as it is about the store: over the API (spec/orchestration.md 9.2, 9.4). */
export function addPolicyStoreCommands(policy: Command, context: CommandContext): void {
  const { command, run } = apiCommands(policy, context);
  const changing = (name: string, description: string): Command =>
    command(name, description).option('--as <name>', 'who you are, while there is no authentication');

  command('list', 'bundles of the tenant, and the version that decides').action(
    run(async (target, { format }) => {
      const pages = await callForAll<PolicyList>(target, '/policies', (page) => page.policies);
      printTable(
        format,
        pages.flatMap((page) => page.policies),
        {
          bundle: (one) => one.policy_bundle,
          active: (one) => one.active_version ?? '-',
          latest: (one) => `${one.latest_version} (${one.latest_status})`,
          versions: (one) => String(one.versions),
          digest: (one) => one.policy_digest?.slice(0, 12) ?? '-',
        },
      );
      for (const { policy_bundle: bundle, problems } of pages[0]!.refused) {
        console.error(
          `refused: ${bundle}: ${problems.map(({ file, message }) => `${file}: ${message}`).join('; ')}`,
        );
      }
    }),
  );

  command('get', 'the version that decides, or another')
    .argument('<bundle>')
    .argument('[version]')
    .option('--out <folder>', 'write it there as policy.yaml and Rego')
    .action(
      run<Common & { out?: string }>(async (target, { format, out }, bundle, version) => {
        const query = version === undefined ? '' : `?version=${encodeURIComponent(version)}`;
        const document = await call<PolicyDocument>(target, 'GET', `${pathOf(bundle)}${query}`);
        if (out === undefined) return printObject(format, document);
        const { writeTexts } = await import('./policy-texts.js');
        writeTexts(out, document);
        printObject(format, { written: out, version: document.version, checksum: document.checksum });
      }),
    );

  changing('put', 'a new version, out of a bundle’s folder or a file with its static fields')
    .argument('<path>')
    .option('--description <text>', 'what it changes, and why', '')
    .option('--requires-approval', 'it decides when somebody else has approved it', false)
    .option('--draft', 'keep it; show it to reviewers later, with review', false)
    .option('--next-version', 'give it the next number, whatever the file says', false)
    .option('--expect <version>', 'refuse when another version decides by now')
    .addOption(
      new Option('--shape <shape>', 'in which it is written, if that is an older one').argParser(whole),
    )
    .action(
      run<PutOptions>(async (target, options, source) => {
        const { readTexts } = await import('./policy-texts.js');
        const { policy: read, rego, fixtures } = await readTexts(source);
        const { version: _version, ...unnumbered } = read;
        const body = {
          policy: options.nextVersion ? unnumbered : read,
          rego,
          fixtures,
          description: options.description,
          requires_approval: options.requiresApproval,
          draft: options.draft,
          ...(options.expect === undefined ? {} : { expected_version: options.expect }),
          ...(options.shape === undefined ? {} : { shape: options.shape }),
        };
        const made = await call<PolicyVersion>(
          as(target, options),
          'PUT',
          pathOf(bundleIn(read, source)),
          body,
        );
        for (const warning of made.conflict_warnings) console.error(`warning: ${warning}`);
        printVersion(options.format, made);
      }),
    );

  command('versions', 'versions of a bundle, the latest first')
    .argument('<bundle>')
    .action(
      run(async (target, { format }, bundle) => {
        const pages = await callForAll<PolicyVersionList>(
          target,
          `${pathOf(bundle)}/versions`,
          (page) => page.versions,
        );
        printTable(
          format,
          pages.flatMap(({ versions }) => versions),
          {
            version: ({ version }) => version,
            status: ({ status, active }) => (active ? `${status}, active` : status),
            by: (one) => one.created_by,
            at: (one) => one.created_at,
            description: ({ description }) => description,
          },
        );
      }),
    );

  command('diff', 'what one version says differently from another')
    .argument('<bundle>')
    .argument('<from>')
    .argument('<to>')
    .action(
      run(async (target, { format }, bundle, from, to) => {
        const query = new URLSearchParams({ from: from, to: to }).toString();
        const diff = await call<PolicyDiff>(target, 'GET', `${pathOf(bundle)}/diff?${query}`);
        if (format === 'json') return printObject(format, diff);
        const { print } = await import('./policy-diff.js');
        print(diff);
      }),
    );

  changing('review', 'show a draft to reviewers or, with --decision, review it')
    .argument('<bundle>')
    .argument('<version>')
    .addOption(new Option('--decision <decision>').choices(['approve', 'reject', 'request_changes']))
    .option('--note <text>', 'why', '')
    .option('--no-activate', 'an approved version waits for activate')
    .action(
      run<AsPrincipal & { decision?: string; note: string; activate: boolean }>(
        async (target, options, bundle, version) => {
          const { decision, note, activate } = options;
          const [action, body] =
            decision === undefined ? ['submit', undefined] : ['review', { decision, note, activate }];
          printVersion(options.format, await act(as(target, options), bundle, version, action, body));
        },
      ),
    );

  changing('approve', 'review --decision approve')
    .argument('<bundle>')
    .argument('<version>')
    .option('--note <text>', 'why', '')
    .option('--no-activate', 'it waits for activate')
    .action(
      run<AsPrincipal & { note: string; activate: boolean }>(async (target, options, bundle, version) => {
        const body = { decision: 'approve', note: options.note, activate: options.activate };
        printVersion(options.format, await act(as(target, options), bundle, version, 'review', body));
      }),
    );

  changing('activate', 'have an approved version decide')
    .argument('<bundle>')
    .argument('<version>')
    .action(
      run<AsPrincipal>(async (target, options, bundle, version) => {
        printVersion(options.format, await act(as(target, options), bundle, version, 'activate'));
      }),
    );

  changing('rollback', 'have a copy of an approved version decide again')
    .argument('<bundle>')
    .argument('<version>')
    .requiredOption('--reason <text>')
    .action(
      run<AsPrincipal & { reason: string }>(async (target, options, bundle, version) => {
        const body = { reason: options.reason };
        printVersion(options.format, await act(as(target, options), bundle, version, 'rollback', body));
      }),
    );

  changing('delete', 'have nothing decide under a name any more')
    .argument('<bundle>')
    .action(
      run<AsPrincipal>(async (target, options, bundle) => {
        await call(as(target, options), 'DELETE', pathOf(bundle));
        printObject(options.format, { deleted: bundle });
      }),
    );

  changing('migrate', 'bring active versions into the current shape, as new versions; may be repeated')
    .argument('[bundle]', 'default: all of the tenant')
    .option('--dry-run', 'only say what would be done', false)
    .action(
      run<AsPrincipal & { dryRun: boolean }>(async (target, options, bundle) => {
        const body = { dry_run: options.dryRun, ...(bundle === undefined ? {} : { policy_bundle: bundle }) };
        const done = await call<PoliciesMigrated>(as(target, options), 'POST', '/policies/migrate', body);
        if (options.format === 'json') printObject('json', done);
        else if (done.migrated.length === 0) console.log(`all policies are of shape ${done.shape}`);
        else {
          printTable('table', done.migrated, {
            bundle: (one) => one.policy_bundle,
            from: (one) => `${one.version} (shape ${one.from_shape})`,
            to: (one) => `${one.new_version} (shape ${done.shape})`,
            problems: ({ problems }) =>
              problems.join('; ') || (done.dry_run ? 'would be migrated' : 'migrated'),
          });
        }
        return done.migrated.some(({ problems }) => problems.length > 0) ? invalid : 0;
      }),
    );
}

function act(
  target: ApiTarget,
  bundle = '',
  version = '',
  action = '',
  body?: unknown,
): Promise<PolicyVersion> {
  return call(target, 'POST', `${pathOf(bundle)}/versions/${encodeURIComponent(version)}/${action}`, body);
}

function as(target: ApiTarget, { as: principal }: AsPrincipal): ApiTarget {
  return { ...target, principal };
}

function printVersion(format: Format, version: PolicyVersion): void {
  if (format === 'json') return printObject(format, version);
  const { policy_bundle: bundle, version: number, status, active, checksum } = version;
  printObject(format, { bundle, version: number, status, active: active ? 'yes' : 'no', checksum });
}

function bundleIn({ policy_bundle: bundle }: Record<string, unknown>, source: string): string {
  if (typeof bundle === 'string') return bundle;
  throw new Error(`${source} does not say its policy_bundle`);
}

function pathOf(bundle = ''): string {
  return `/policies/${encodeURIComponent(bundle)}`;
}

function whole(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('must be a positive whole number');
}
