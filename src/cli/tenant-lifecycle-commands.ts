import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { OnboardingSecret } from '../contract/tenant-onboarding';
import type { TenantOperation, TenantOperationList } from '../contract/tenant-operations';
import { tenantTiers } from '../contract/tenants';
import type { ApiTarget } from './api-client';
import { apiCommands, call, type CommandContext, type Common, invalid } from './api-commands';
import { printObject, printTable } from './print';

interface Waiting extends Common {
  readonly wait: boolean;
}
interface Erasing extends Waiting {
  readonly yes?: string;
}

interface Onboarding extends Common {
  readonly name: string;
  readonly tier?: string;
  readonly role?: readonly string[];
  readonly expiresInDays?: number;
}
interface Exporting extends Common {
  readonly to: string;
}

const lookEveryMs = 500;

/** `conclave tenant erase …`: what is done to a tenant as a whole (docs/tenants.md). */
export function addTenantLifecycleCommands(tenant: Command, context: CommandContext): void {
  const { command, run } = apiCommands(tenant, context);

  command(
    'onboard',
    'make a tenant with all that it needs, and print its first API key, which is shown this once',
  )
    .argument('<tenant-id>')
    .requiredOption('--name <name>')
    .option('--tier <tier>', tenantTiers.join(', '))
    .option('--role <role...>', 'of the key (default: tenant_admin)')
    .option('--expires-in-days <days>', 'of the key', Number)
    .action(
      run<Onboarding>(async (target, { format, name, tier, role, expiresInDays }, id) => {
        const begun = await call<TenantOperation>(target, 'POST', `${pathOf(id)}/onboarding`, {
          name,
          tier,
          api_key: { roles: role, expires_in_days: expiresInDays },
        });
        const operation = await untilEnded(target, begun);
        if (operation.status !== 'completed') return shown(format, operation);
        const secretPath = `${pathOf(id)}/onboarding/${operation.operation_id}/secret`;
        printObject(format, await call<OnboardingSecret>(target, 'POST', secretPath));
        return 0;
      }),
    );

  command('erase', 'erase a suspended tenant for good: keys, rows, everything; prints the signed report')
    .argument('<tenant-id>')
    .option('--yes <tenant-id>', 'the id again: nothing undoes this')
    .option('--no-wait', 'do not wait for the end')
    .action(
      run<Erasing>(async (target, { format, yes, wait }, id) => {
        if (yes !== id) {
          console.error(`nothing undoes this: say --yes ${id} if you mean it`);
          return invalid;
        }
        const begun = await call<TenantOperation>(target, 'DELETE', pathOf(id));
        return shown(format, wait ? await untilEnded(target, begun) : begun);
      }),
    );

  command('export', 'write all that is a tenant’s into a folder, as NDJSON files with a signed manifest')
    .argument('<tenant-id>')
    .requiredOption('--to <folder>', 'where to; it is made')
    .action(
      run<Exporting>(async (target, { format, to }, id) => {
        const begun = await call<TenantOperation>(target, 'POST', `${pathOf(id)}/exports`);
        const operation = await untilEnded(target, begun);
        if (operation.status === 'completed') {
          const { saveExport } = await import('./save-export.js');
          await saveExport(target, operation, to);
        }
        return shown(format, operation);
      }),
    );

  command('operations', 'what was done to a tenant as a whole, the latest first')
    .argument('<tenant-id>')
    .action(
      run<Common>(async (target, { format }, id) => {
        const { operations } = await call<TenantOperationList>(target, 'GET', `${pathOf(id)}/operations`);
        printTable(format, operations, {
          operation: (one) => one.operation_id,
          kind: (one) => one.kind,
          status: (one) => one.step ?? one.status,
          started: (one) => one.started_at.slice(0, 16),
          by: (one) => one.started_by,
          error: (one) => one.error ?? '-',
        });
      }),
    );

  command('report', 'an operation with its signed report')
    .argument('<tenant-id>')
    .argument('<operation-id>')
    .action(
      run<Common>(async (target, { format }, id, operation) => {
        printObject(format, await call<TenantOperation>(target, 'GET', operationPath(id, operation)));
      }),
    );
}

function shown(format: Common['format'], operation: TenantOperation): number {
  printObject(format, operation);
  return operation.status === 'failed' ? invalid : 0;
}

async function untilEnded(target: ApiTarget, begun: TenantOperation): Promise<TenantOperation> {
  let operation = begun;
  while (operation.status === 'running') {
    await delay(lookEveryMs);
    const { tenant_id: tenantId, operation_id: id } = operation;
    operation = await call<TenantOperation>(target, 'GET', operationPath(tenantId, id));
  }
  return operation;
}

function pathOf(tenantId: string): string {
  return `/tenants/${encodeURIComponent(tenantId)}`;
}

function operationPath(tenantId: string, operationId: string): string {
  return `${pathOf(tenantId)}/operations/${encodeURIComponent(operationId)}`;
}
