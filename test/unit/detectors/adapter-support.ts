import type { DetectorItem, DetectorRequest } from '../../../src/detectors/adapter';
import { DetectorHttpClient } from '../../../src/detectors/http-client';
import { Outbound } from '../../../src/outbound/outbound';
import { FakeDetectors } from '../../support/fake-detectors';

export function item(content: string, requestId = 'r1'): DetectorItem {
  return { requestId, content, contentLength: [...content].length, metadata: null };
}

/** An upstream on loopback and a client for it, for one test file. */
export function upstream() {
  const server = new FakeDetectors();
  const outbound = new Outbound({ hosts: null, privateHosts: [], privateNetworks: true, ownUrls: [] });
  const http = new DetectorHttpClient(outbound);
  beforeAll(() => server.listen());
  beforeEach(() => server.reset());
  afterAll(async () => {
    await outbound.close();
    await server.close();
  });

  function request(
    items: readonly DetectorItem[],
    call: Partial<DetectorRequest['call']> = {},
  ): DetectorRequest {
    return {
      detector: 'judge',
      call: {
        protocol: 'detectors-api',
        endpoint: `${server.url}/judge`,
        detector_id: 'judge',
        params: {},
        max_batch: 32,
        auth_type: 'none',
        auth_config: {},
        http: null,
        ...call,
      },
      contentType: 'text',
      tenantId: 'acme',
      correlationId: 'corr-1',
      traceparent: null,
      idempotencyKey: 'run:judge:abc',
      items,
    };
  }

  return { server, http, request, never: new AbortController().signal };
}
