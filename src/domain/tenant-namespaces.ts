/** The settings that say where what is a tenant's runs. */
export interface NamespaceSettings {
  readonly namespace: string;
  readonly tenant_namespaces: Readonly<Record<string, string>>;
}

/** Namespaces that some tenants have to themselves, each once: tenants may share one. */
export function ownNamespaces({ namespace, tenant_namespaces: own }: NamespaceSettings): string[] {
  return [...new Set(Object.values(own))].filter((name) => name !== namespace);
}

/** Every namespace that Conclave works in, the main one first. */
export function allNamespaces(settings: NamespaceSettings): string[] {
  return [settings.namespace, ...ownNamespaces(settings)];
}

/** What a worker needs at least. */
const least = 2;

/**
 * How a process divides what it may have in hand: half is the main namespace's, and of the rest each of the others has as
 * much. Without any the main one has it all.
 */
export function sharesOf(others: number) {
  return {
    ofMain: (whole: number): number => (others === 0 ? whole : Math.ceil(whole / 2)),
    ofEach: (whole: number): number => Math.max(Math.min(least, whole), Math.floor(whole / 2 / others)),
  };
}
