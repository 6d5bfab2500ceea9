import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { serve } from './announce';
import { createDetectorClient } from './detector-client';
import { createService } from './service';

/** The rival without durability: a plain parallel fan-out behind HTTP. No Temporal, no store: a crash loses the request. */
const { values } = parseArgs({
  options: { detectors: { type: 'string', default: 'http://127.0.0.1:8090' } },
});
const detect = createDetectorClient(values.detectors);
const service = createService((content, detectors) =>
  Promise.all(detectors.map((id) => detect(id, content))),
);

void serve(createServer(service));
