import { type Command, InvalidArgumentError } from 'commander';
import { type TenantInfo, type TenantList, tenantTiers } from '../contract/tenants';
import { apiCommands, call, callForAll, type CommandContext, type Common } from './api-commands';
import { printObject, printTable } from './print';
import { addTenantLifecycleCommands } from './tenant-lifecycle-commands';

interface PutOptions extends Common {
  readonly name?: string;
  readonly tier?: string;
  readonly status?: string;
  readonly set: Readonly<Record<string, unknown>>;
}

/** `conclave tenant …`: what each tenant may and wants (docs/tenants.md). */
export function addTenantCommands(tenant: Command, context: CommandContext): void {
  const { command, run } = apiCommands(tenant, context);
  const suspending = (name: string, description: string, status: TenantInfo['status']): void =>
    void command(name, description)
      .argument('<tenant-id>')
      .action(
        run<Common>(async (target, { format }, id) => {
          printObject(format, await call<TenantInfo>(target, 'PUT', pathOf(id), { status }));
        }),
      );

  command('list', 'tenants that have a record, by id').action(
    run<Common>(async (target, { format }) => {
      const pages = await callForAll<TenantList>(target, '/tenants', ({ tenants }) => tenants);
      printTable<TenantInfo>(
        format,
        pages.flatMap(({ tenants }) => tenants),
        {
          tenant: (one) => one.tenant_id,
          name: (one) => one.name,
          status: (one) => one.status,
          tier: (one) => one.tier,
          'requests a minute': (one) => String(one.rate_limit_per_minute ?? '-'),
        },
      );
    }),
  );

  command('get', 'show one tenant')
    .argument('<tenant-id>')
    .action(
      run<Common>(async (target, { format }, id) => {
        printObject(format, await call<TenantInfo>(target, 'GET', pathOf(id)));
      }),
    );

  command('put', 'make or change a tenant; what is not said stays as it is')
    .argument('<tenant-id>')
    .option('--name <name>', 'required for a new one')
    .option('--tier <tier>', tenantTiers.join(', '))
    .option('--status <status>', 'active, inactive, suspended, pending')
    .option(
      '--set <field=value>',
      'repeatable: another field of the API, its value as JSON, e.g. callback_hosts=\'["hooks.acme.example"]\'',
      fieldIn,
      {},
    )
    .action(
      run<PutOptions>(async (target, { format, name, tier, status, set }, id) => {
        const put = { ...set, name, tier, status };
        printObject(format, await call<TenantInfo>(target, 'PUT', pathOf(id), put));
      }),
    );

  suspending('suspend', 'take on no more work of a tenant; what runs goes on', 'suspended');
  suspending('resume', 'take on work of a tenant again', 'active');
  addTenantLifecycleCommands(tenant, context);
}

function pathOf(tenantId: string): string {
  return `/tenants/${encodeURIComponent(tenantId)}`;
}

function fieldIn(text: string, others: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('must be field=value');
  try {
    return { ...others, [text.slice(0, at)]: JSON.parse(text.slice(at + 1)) as unknown };
  } catch {
    throw new InvalidArgumentError(
      'the value must be JSON; a text in quotation marks: worker_queue=\'"gpu"\'',
    );
  }
}
