import { createDetectorService } from '../detectors/service/detector-service';
import { assertDetectorsPortFree } from './free-ports';
import type { LaunchContext } from './launch-context';

export async function launchDetectors({ settings, log, parts }: LaunchContext): Promise<void> {
  const { builtin_host: host, builtin_port: port } = settings.registry;
  await assertDetectorsPortFree(settings);
  const service = createDetectorService({ logger: log });
  parts.add('the builtin detectors', () => service.close());
  await service.listen(port, host);
}
