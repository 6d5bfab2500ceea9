import type { ChangedBy } from '../contract/changed-by';
import type { PoliciesMigrated } from '../contract/policy-store';
import { nextVersion, versionNamed, withVersion } from '../domain/policy-lifecycle';
import type { BundleName } from './bundle';
import { existing, type PolicyChanges } from './policy-changes';
import { currentShape } from './policy-shapes';
import { copyOf } from './version-records';

type Step = PoliciesMigrated['migrated'][number];

/**
 * Brings active versions of an older shape into the current one, as new versions that decide the same. What is current
 * is left alone, so it may be repeated.
 * @param dryRun says what it would do, and what could not be done
 */
export async function migratePolicies(
  changes: PolicyChanges,
  names: readonly BundleName[],
  dryRun: boolean,
  by: ChangedBy,
): Promise<PoliciesMigrated> {
  const migrated: Step[] = [];
  for (const name of names) {
    const step = await migrateOne(changes, name, dryRun, by);
    if (step) migrated.push(step);
  }
  return { dry_run: dryRun, shape: currentShape, migrated };
}

async function migrateOne(
  changes: PolicyChanges,
  name: BundleName,
  dryRun: boolean,
  by: ChangedBy,
): Promise<Step | null> {
  const { state } = await changes.existing(name);
  const active = state.versions.find(({ version }) => version === state.active);
  if (!active || active.shape >= currentShape) return null;
  const step: Step = {
    policy_bundle: name.policy_bundle,
    version: active.version,
    from_shape: active.shape,
    new_version: nextVersion(state),
    problems: [],
  };
  try {
    // Reading brings it up and validates it.
    const document = await changes.document(active);
    if (dryRun) return step;
    await changes.change(name, by, 'migrate', { activeVersion: active.version }, (now) => {
      const before = existing(now);
      const about = {
        created_by: by.principal,
        description: `version ${active.version} in shape ${currentShape}`,
        origin: 'migration',
        rolled_back_from: null,
      } as const;
      const source = versionNamed(before, active.version);
      const { record, documents } = copyOf(
        source,
        document,
        step.new_version,
        about,
        new Date().toISOString(),
      );
      const added = withVersion(before, record, name);
      return { state: { ...added, active: record.version }, version: record.version, documents };
    });
    return step;
  } catch (error) {
    return { ...step, problems: [(error as Error).message] };
  }
}
