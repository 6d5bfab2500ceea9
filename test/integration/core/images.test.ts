import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { pino } from 'pino';
import type { DetectorService } from '../../../src/detectors/service/detector-service';
import { png } from '../../support/documents';
import { patience } from '../../support/patience';
import { System } from '../../support/system';
import { uploadFile } from '../../support/upload-file';

// As it is shipped: the model lives in a thread, which there is only of compiled code.
const compiled = path.resolve(__dirname, '../../../dist/detectors/service/detector-service.js');
const { createDetectorService } = require(compiled) as {
  createDetectorService: (options: object) => DetectorService;
};

let service: DetectorService;
let address: AddressInfo;
let system: System;
beforeAll(async () => {
  service = createDetectorService({ logger: pino({ enabled: false }), timeoutMs: 60_000 });
  address = await service.listen(0);
  system = await System.start({
    builtins: true,
    mapper: 'real',
    env: { ...patience, ORCHESTRATION_REGISTRY__BUILTIN_URL: `http://127.0.0.1:${address.port}` },
  });
});
afterAll(async () => {
  await system?.stop();
  await service?.close();
});

describe('The detector of images that comes with the product', () => {
  it.each([
    ['a plain color', png(64, 48)],
    ['a large picture', png(1200, 900, [40, 90, 200])],
  ])('judges %s under the default bundle and finds nothing', async (_what, bytes) => {
    const { body } = await uploadFile(system, bytes);
    const answer = await system.request<{ detector_results: unknown[] }>('POST', '/orchestrate', {
      content_ref: body.content_ref,
      content_type: 'image',
      tenant_id: 'demo',
      policy_bundle: 'default',
      environment: 'dev',
    });
    expect(answer.status).toBe(200);
    expect(answer.body.detector_results).toMatchObject([
      { detector: 'image-safety', status: 'success', output: 'clean', findings: [] },
    ]);
  });

  it('judges a thumbnail in the request itself', async () => {
    const { status, body } = await system.orchestrate({
      content_type: 'image',
      content: png(8, 8).toString('base64'),
    });
    expect(status).toBe(200);
    expect(body.detector_results).toMatchObject([{ detector: 'image-safety', status: 'success' }]);
  });

  it('says of an image that cannot be decoded that it was not judged', async () => {
    const { status, body } = await system.orchestrate<{
      error_code: string;
      response: { detector_results: object[] };
    }>({
      content_type: 'image',
      content: png(64, 48).subarray(0, 60).toString('base64'),
    });
    expect([status, body.error_code]).toEqual([502, 'DETECTOR_COMMUNICATION_FAILED']);
    expect(body.response.detector_results).toMatchObject([
      { detector: 'image-safety', status: 'failed', failure_cause: 'bad_request' },
    ]);
  });

  it('judges texts while it looks at images', async () => {
    const ask = (detector: string, content: string) =>
      fetch(`http://127.0.0.1:${address.port}/api/v1/text/contents`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'detector-id': detector },
        body: JSON.stringify({ contents: [content] }),
      });
    const large = png(3000, 2000).toString('base64');
    const order: string[] = [];
    const noted = async (what: string, call: Promise<Response>) => {
      expect((await call).status).toBe(200);
      order.push(what);
    };
    const images = Array.from({ length: 3 }, () => noted('image', ask('image-safety', large)));
    await Promise.all([...images, noted('text', ask('pii', 'Mail jane.doe@example.com'))]);
    expect(order.at(-1)).toBe('image');
  });
});
