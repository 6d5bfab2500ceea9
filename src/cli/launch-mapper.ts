import type { Settings } from '../contract/config';
import { createMapperService } from '../mapper/service';
import { assertMapperPortFree } from './free-ports';
import type { LaunchContext } from './launch-context';

export async function launchMapper({ settings, log, parts }: LaunchContext): Promise<void> {
  const { mapper } = settings;
  await assertMapperPortFree(settings);
  const service = createMapperService({
    taxonomyDir: mapper.taxonomy_path,
    ratePerMinute: trustedCallers(settings),
    ...(mapper.service_key === null ? {} : { serviceKey: mapper.service_key }),
    logger: log,
  });
  await service.listen(mapper.port, mapper.host);
  parts.add('the mapper', () => service.close());
}

/** On loopback without a service key only our own orchestrator calls; its own limits are the ones that count. */
function trustedCallers({ mapper }: Settings): number | undefined {
  return mapper.service_key === null && mapper.host === '127.0.0.1' ? 1_000_000 : undefined;
}
