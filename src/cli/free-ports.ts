import type { Settings } from '../contract/config';
import { assertPortFree } from '../embedded/ports';

export function assertFacadePortFree({ service: { host, port } }: Settings): Promise<void> {
  return assertPortFree({ host, port, purpose: 'The API', setting: 'ORCHESTRATION_PORT' });
}

export function assertMapperPortFree({ mapper: { host, port } }: Settings): Promise<void> {
  return assertPortFree({ host, port, purpose: 'The mapper', setting: 'ORCHESTRATION_MAPPER__PORT' });
}

export function assertDetectorsPortFree({ registry }: Settings): Promise<void> {
  return assertPortFree({
    host: registry.builtin_host,
    port: registry.builtin_port,
    purpose: 'The service of the builtin detectors',
    setting: 'ORCHESTRATION_REGISTRY__BUILTIN_PORT',
  });
}
