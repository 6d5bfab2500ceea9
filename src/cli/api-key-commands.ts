import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ApiKeyInfo, CreatedApiKey } from '../contract/api-keys';
import { loadSettings } from '../config/load-settings';
import { roles } from '../contract/identity';
import type { ApiKeys, KeyCaller } from '../security/api-keys';
import { type Format, printObject, printTable } from './print';

interface Common {
  readonly format: Format;
}

interface CreateOptions extends Common {
  readonly tenant?: string;
  readonly platform: boolean;
  readonly role: readonly string[];
  readonly scope: readonly string[];
  readonly description: string;
  readonly days: number;
  readonly rate?: number;
}

const invalid = 1;

/** `conclave api-key …`: on the database itself, so that there is a way to the first key (docs/authentication.md). */
export function addApiKeyCommands(apiKey: Command, exit: (code: number) => void): void {
  const command = (name: string, description: string): Command =>
    apiKey
      .command(name)
      .description(description)
      .addOption(new Option('--format <format>', 'how to print').choices(['table', 'json']).default('table'));

  /** @param change what it does to keys; null: nothing */
  const run =
    <T extends Common>(
      change: 'create' | 'rotate' | 'revoke' | null,
      work: (keys: ApiKeys, caller: KeyCaller, options: T, id: string) => Promise<void>,
    ) =>
    async (...given: unknown[]): Promise<void> => {
      const options = given.at(-2) as T;
      const { withApiKeys } = await import('./api-key-store.js');
      try {
        const id = typeof given[0] === 'string' ? given[0] : '';
        const recorded = change && {
          action: `conclave api-key ${change}`,
          target: id === '' ? {} : { key_id: id },
        };
        await withApiKeys(loadSettings().settings, recorded, (keys, caller) =>
          work(keys, caller, options, id),
        );
      } catch (error) {
        console.error((error as Error).message);
        exit(invalid);
      }
    };

  command('create', 'make a key; it is shown once')
    .option('--tenant <tenant>', 'for this tenant')
    .option('--platform', 'for the installation, bound to no tenant', false)
    .addOption(
      new Option('--role <role>', `repeatable: ${roles.join(', ')}`).argParser(gathered(roles)).default([]),
    )
    .addOption(
      new Option('--scope <scope>', 'repeatable: a permission like orchestrate:write')
        .argParser(gathered())
        .default([]),
    )
    .option('--description <text>', 'what it is for', 'made with conclave api-key create')
    .addOption(new Option('--days <days>', 'how long it is good').default(365).argParser(wholeNumber))
    .addOption(
      new Option('--rate <requests>', 'requests a minute, if not as any credential').argParser(wholeNumber),
    )
    .action(
      run<CreateOptions>('create', async (keys, caller, options) => {
        const { newApiKeySchema } = await import('../contract/api-keys.js');
        if ((options.tenant === undefined) === !options.platform) {
          throw new Error('say for whom: --tenant <tenant>, or --platform for the installation');
        }
        const asked = newApiKeySchema.safeParse({
          tenant_id: options.tenant ?? null,
          description: options.description,
          roles: options.role,
          scopes: options.scope,
          expires_in_days: options.days,
          rate_limit_per_minute: options.rate ?? null,
        });
        if (!asked.success) {
          throw new Error(
            asked.error.issues.map((one) => `${one.path.join('.')}: ${one.message}`).join('\n'),
          );
        }
        show(options.format, await keys.create(asked.data, caller));
      }),
    );

  command('list', 'keys of all tenants, the latest first')
    .option('--tenant <tenant>', 'of this tenant only')
    .action(
      run<Common & { tenant?: string }>(null, async (keys, _caller, { format, tenant }) => {
        printTable<ApiKeyInfo>(format, await keys.list(tenant ?? null), {
          key: (one) => one.key_id,
          tenant: (one) => one.tenant_id ?? '(platform)',
          may: (one) => [...one.roles, ...one.scopes].join(', '),
          status: (one) => one.status,
          expires: (one) => one.expires_at.slice(0, 10),
          used: (one) => one.last_used?.slice(0, 16) ?? '-',
          description: (one) => one.description,
        });
      }),
    );

  command('rotate', 'another key that may do the same; it is shown once')
    .argument('<key-id>')
    .addOption(
      new Option('--grace-hours <hours>', 'how long the old one is good yet')
        .default(24)
        .argParser(wholeNumber),
    )
    .action(
      run<Common & { graceHours: number }>('rotate', async (keys, caller, { format, graceHours }, keyId) => {
        show(format, await keys.rotate(keyId, graceHours, caller));
      }),
    );

  command('revoke', 'have a key known no more, within a second')
    .argument('<key-id>')
    .action(
      run('revoke', async (keys, caller, { format }, keyId) => {
        await keys.revoke(keyId, caller);
        printObject(format, { revoked: keyId });
      }),
    );
}

function show(format: Format, key: CreatedApiKey): void {
  printObject(format, key);
  if (format === 'table') console.error('Keep api_key now: it is not shown again.');
}

function gathered(choices?: readonly string[]) {
  return (text: string, all: readonly string[]): readonly string[] => {
    if (choices && !choices.includes(text))
      throw new InvalidArgumentError(`must be one of ${choices.join(', ')}`);
    return [...all, text];
  };
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('must be a whole number');
}
