import type { Client } from '@temporalio/client';
import { allNamespaces, type NamespaceSettings } from '../domain/tenant-namespaces';

/** Which client of the engine is a tenant's: that of its own namespace, or of the main one (docs/adr/0035). */
export class TenantClients {
  /** Also for the work of the installation. */
  readonly main: Client;
  readonly #byNamespace: ReadonlyMap<string, Client>;
  readonly #own: ReadonlyMap<string, string>;

  constructor(settings: NamespaceSettings, clientOf: (namespace: string) => Client) {
    this.#byNamespace = new Map(allNamespaces(settings).map((name) => [name, clientOf(name)]));
    this.#own = new Map(Object.entries(settings.tenant_namespaces));
    this.main = this.in(settings.namespace);
  }

  in(namespace: string): Client {
    return this.#byNamespace.get(namespace)!;
  }

  /** Where what is the tenant's begins. */
  of(tenantId: string): Client {
    const own = this.#own.get(tenantId);
    return own === undefined ? this.main : this.in(own);
  }

  /** Wherever it may be, the likely place first: what began before the settings were changed stays where it was. */
  around(tenantId: string): Client[] {
    return [...new Set([this.of(tenantId), ...this.#byNamespace.values()])];
  }

  /** @returns what the first says that knows of it; null when none does */
  async first<T>(tenantId: string, ask: (client: Client) => Promise<T | null>): Promise<T | null> {
    for (const client of this.around(tenantId)) {
      const answer = await ask(client);
      if (answer !== null) return answer;
    }
    return null;
  }
}
