import { setTimeout as delay } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import type { KeyRotation, KeyRotationList, KeyRotationPlan, KeyStatus } from '../contract/keys-api';
import type { ApiTarget } from './api-client';
import { apiCommands, call, type CommandContext, type Common, invalid } from './api-commands';
import { printObject, printTable } from './print';

interface RotateOptions extends Common {
  readonly ofTenant?: string;
  readonly allTenants: boolean;
  readonly dryRun: boolean;
  readonly wait: boolean;
}

interface HistoryOptions extends Common {
  readonly ofRotation?: string;
}

const lookEveryMs = 500;

/** `conclave keys …`: what everything is encrypted under (docs/keys.md). */
export function addKeysCommands(keys: Command, context: CommandContext): void {
  const { command, run } = apiCommands(keys, context);

  command('status', 'master keys by id, what they wrap, and which process holds which').action(
    run(async (target, { format }) => {
      const status = await call<KeyStatus>(target, 'GET', '/keys');
      if (format === 'json') return printObject(format, status);
      printTable(format, status.master_keys, {
        'master key': (one) => one.key_id,
        state: (one) => one.state,
        wraps: (one) => String(one.wraps),
        used: (one) => one.used_at.slice(0, 16),
        'held by': (one) => heldBy(status, one.key_id),
      });
      const { tenants, versions, destroyed_tenants: destroyed } = status.tenant_keys;
      console.log(`${tenants} tenants with ${versions} keys; keys of ${destroyed} tenants are destroyed`);
      if (status.running) console.log(`rotation ${status.running.rotation_id} is running`);
    }),
  );

  command('history', 'how keys were rotated, the latest first')
    .option('--of-rotation <id>', 'what became of each tenant in a rotation of all')
    .action(
      run<HistoryOptions>(async (target, { format, ofRotation }) => {
        const of = ofRotation === undefined ? '' : `?part_of=${encodeURIComponent(ofRotation)}`;
        const { rotations } = await call<KeyRotationList>(target, 'GET', `/keys/rotations${of}`);
        printTable(format, rotations, {
          rotation: (one) => one.rotation_id,
          of: (one) => one.tenant_id ?? (one.kind === 'master_key' ? '(master key)' : '(all tenants)'),
          status: (one) => one.status,
          change: (one) => (one.from === null ? '-' : `${one.from} to ${one.to ?? '?'}`),
          keys: (one) => `${one.keys_done}/${one.keys_total}`,
          started: (one) => one.started_at.slice(0, 16),
          by: (one) => one.started_by,
          error: (one) => one.error ?? '-',
        });
      }),
    );

  command('rotate', 'have another master key wrap the keys of all tenants, or give tenants new keys')
    .option('--of-tenant <tenant>', 'a new key for this tenant')
    .addOption(new Option('--all-tenants', 'a new key for each tenant').default(false).conflicts('ofTenant'))
    .option('--dry-run', 'only say what would be done', false)
    .option('--no-wait', 'do not wait for the end')
    .action(
      run<RotateOptions>(async (target, { format, ofTenant, allTenants, dryRun, wait }) => {
        const begun = await call<KeyRotation | KeyRotationPlan>(target, 'POST', '/keys/rotations', {
          dry_run: dryRun,
          ...(ofTenant === undefined ? {} : { tenant_id: ofTenant }),
          ...(allTenants ? { kind: 'tenant_keys' } : {}),
        });
        const shown = 'dry_run' in begun || !wait ? begun : await untilEnded(target, begun);
        printObject(format, shown);
        return 'status' in shown && shown.error !== null ? invalid : 0;
      }),
    );
}

function heldBy({ processes }: KeyStatus, keyId: string): string {
  const holding = processes.filter(({ key_ids: ids }) => ids.includes(keyId));
  return `${holding.length} of ${processes.length} processes`;
}

async function untilEnded(target: ApiTarget, begun: KeyRotation): Promise<KeyRotation> {
  let rotation = begun;
  while (rotation.status === 'running') {
    await delay(lookEveryMs);
    rotation = await call<KeyRotation>(target, 'GET', `/keys/rotations/${rotation.rotation_id}`);
  }
  return rotation;
}
