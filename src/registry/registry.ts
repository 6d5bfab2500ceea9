import { readFileSync } from 'node:fs';
import { LRUCache } from 'lru-cache';
import { parse } from 'yaml';
import { type DetectorRegistration, registryFileSchema } from '../contract/registration';
import { stagesOf } from '../domain/stages';

/** Every fault of a registry file, each with its place. */
class RegistryError extends Error {
  override readonly name = 'RegistryError';
  constructor(file: string, faults: readonly string[]) {
    super(`${file} is not a valid detector registry:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
  }
}

/** The detectors that may be asked. Immutable. */
export class DetectorRegistry {
  readonly #visible = new LRUCache<string, readonly DetectorRegistration[]>({ max: 1000 });

  constructor(readonly registrations: readonly DetectorRegistration[]) {}

  /** A tenant sees the shared detectors and its own (spec/orchestration.md 1.10); the same list every time. */
  visibleTo(tenantId: string): readonly DetectorRegistration[] {
    let visible = this.#visible.get(tenantId);
    if (!visible) {
      visible = this.registrations.filter(
        (registration) => registration.tenant_scope === 'shared' || registration.tenant_id === tenantId,
      );
      this.#visible.set(tenantId, visible);
    }
    return visible;
  }
}

/**
 * Reads the registry file.
 * @param builtinUrl address of the builtin detector service, where `builtin:<name>` endpoints lead
 * @throws RegistryError naming every fault
 */
export function loadRegistry(file: string, builtinUrl: string): DetectorRegistry {
  const parsed = registryFileSchema.safeParse(readYaml(file));
  if (!parsed.success) {
    const faults = parsed.error.issues.map(
      (issue) => `${issue.path.map(String).join('.')}: ${issue.message}`,
    );
    throw new RegistryError(file, faults);
  }
  const { detectors } = parsed.data;
  const twice = detectors.filter(
    ({ name }, index) => detectors.findIndex((other) => other.name === name) !== index,
  );
  if (twice.length > 0) {
    throw new RegistryError(file, [...new Set(twice.map(({ name }) => `${name} is registered twice`))]);
  }
  try {
    stagesOf(detectors);
  } catch (error) {
    throw new RegistryError(file, [(error as Error).message]);
  }
  return new DetectorRegistry(detectors.map((registration) => resolveBuiltin(registration, builtinUrl)));
}

function readYaml(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8')) as unknown;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new RegistryError(file, [
      code === 'ENOENT' ? 'the file does not exist' : (message.split('\n')[0] ?? message),
    ]);
  }
}

function resolveBuiltin(registration: DetectorRegistration, builtinUrl: string): DetectorRegistration {
  const [, id] = /^builtin:(.+)$/.exec(registration.endpoint) ?? [];
  if (id === undefined) return registration;
  return { ...registration, endpoint: builtinUrl, detector_id: registration.detector_id ?? id };
}
