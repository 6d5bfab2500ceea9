import { allNamespaces, ownNamespaces, sharesOf } from '../../../src/domain/tenant-namespaces';

describe('Namespaces of tenants', () => {
  const settings = {
    namespace: 'main',
    tenant_namespaces: { acme: 'own', globex: 'own', initech: 'third', hooli: 'main' },
  };

  it('are each worked in once, beside the main one', () => {
    expect(ownNamespaces(settings)).toEqual(['own', 'third']);
    expect(allNamespaces(settings)).toEqual(['main', 'own', 'third']);
    expect(allNamespaces({ namespace: 'main', tenant_namespaces: {} })).toEqual(['main']);
  });

  it('take nothing from the main one while there is none', () => {
    for (const whole of [1, 2, 20, 1000]) expect(sharesOf(0).ofMain(whole)).toBe(whole);
  });

  it.each([
    [1, 20, 10, 10],
    [4, 20, 10, 2],
    [4, 500, 250, 62],
    [16, 20, 10, 2],
    [1, 3, 2, 2],
    [3, 1, 1, 1],
  ])('with %i of them, of %i the main one has %i and each of them %i', (others, whole, main, each) => {
    const { ofMain, ofEach } = sharesOf(others);
    expect([ofMain(whole), ofEach(whole)]).toEqual([main, each]);
  });
});
