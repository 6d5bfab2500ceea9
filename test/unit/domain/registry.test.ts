import type { RegistryEntry } from '../../../src/contract/registry-entry';
import { endpointSchema } from '../../../src/contract/upstream';
import { conflictOf, indexOf } from '../../../src/domain/registry';
import { listedDetector, listedEndpoint } from '../../../src/registry/registry-file';
import { registration } from './support';

const endpoint = (name: string, url: string) => listedEndpoint(endpointSchema.parse({ name, url }));
const detector = (name: string, url: string) => listedDetector(registration(name, { endpoint: url }));
const entries = [
  ...Array.from({ length: 1000 }, (_, index) => endpoint(`e${index}`, `http://host-${index}.example/base`)),
  detector('pii', 'http://detectors.example'),
] as RegistryEntry[];

describe('The index of the registry', () => {
  const index = indexOf(entries);

  it('finds by id and by url, however that is written [R1] [R4]', () => {
    expect(index.byId.get('e500')?.endpoint_id).toBe('e500');
    expect(conflictOf(index, endpoint('other', 'http://HOST-500.example:80/base/'))?.endpoint_id).toBe(
      'e500',
    );
    expect(conflictOf(index, endpoint('e500', 'http://elsewhere.example'))?.endpoint_id).toBe('e500');
    expect(conflictOf(index, endpoint('e500', 'http://host-500.example/base/'))).toBeNull();
    expect(conflictOf(index, endpoint('other', 'http://elsewhere.example'))).toBeNull();
  });

  it('asks no entry but those that are found [R1]', () => {
    let looks = 0;
    const watched = {
      byId: new Proxy(index.byId, { get: counting }),
      byUrl: new Proxy(index.byUrl, { get: counting }),
    };
    function counting(map: ReadonlyMap<string, RegistryEntry>, key: keyof Map<string, RegistryEntry>) {
      expect(key).toBe('get');
      looks += 1;
      return map.get.bind(map);
    }
    expect(conflictOf(watched, endpoint('other', 'http://host-999.example/base'))?.endpoint_id).toBe('e999');
    expect(looks).toBe(2);
  });

  it('lets detectors share an address, and an id only with themselves', () => {
    expect(conflictOf(index, detector('other', 'http://host-1.example/base'))).toBeNull();
    expect(conflictOf(index, endpoint('x', 'http://detectors.example'))).toBeNull();
    expect(conflictOf(index, { ...detector('pii', 'http://x.example'), kind: 'http' })?.kind).toBe(
      'detector',
    );
  });
});
