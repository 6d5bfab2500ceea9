import type { Client } from '@temporalio/client';
import { TenantClients } from '../../../src/submission/tenant-clients';

describe('The clients of tenants', () => {
  const made: string[] = [];
  const clients = new TenantClients(
    { namespace: 'main', tenant_namespaces: { acme: 'own', globex: 'own', initech: 'third', hooli: 'main' } },
    (namespace) => {
      made.push(namespace);
      return { options: { namespace } } as Client;
    },
  );
  const nameOf = ({ options }: Client) => options.namespace;

  it('are one for each namespace, however many tenants share it', () => {
    expect(made).toEqual(['main', 'own', 'third']);
    expect(nameOf(clients.main)).toBe('main');
  });

  it.each([
    ['acme', 'own'],
    ['globex', 'own'],
    ['initech', 'third'],
    ['hooli', 'main'],
    ['nobody', 'main'],
    ['constructor', 'main'],
    ['__proto__', 'main'],
  ])('of %s is that of %s', (tenant, namespace) => {
    expect(nameOf(clients.of(tenant))).toBe(namespace);
  });

  it('are asked in turn for what may have begun elsewhere, the tenant’s own first', async () => {
    const asked: string[] = [];
    const knows = (namespace: string | null) => (client: Client) => {
      asked.push(nameOf(client));
      return Promise.resolve(nameOf(client) === namespace ? `in ${namespace}` : null);
    };
    expect(await clients.first('initech', knows('main'))).toBe('in main');
    expect(asked.splice(0)).toEqual(['third', 'main']);
    expect(await clients.first('nobody', knows('main'))).toBe('in main');
    expect(asked.splice(0)).toEqual(['main']);
    expect(await clients.first('acme', knows(null))).toBeNull();
    expect(asked).toEqual(['own', 'main', 'third']);
  });
});
