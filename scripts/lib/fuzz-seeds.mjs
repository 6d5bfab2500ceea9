import { randomUUID } from 'node:crypto';

/** A detector that no tenant can change. */
const shipped = 'toxicity';

/**
 * Makes what there must be for calls to get past 404: of each kind a few, since some are deleted on the way. What has to be
 * approved by somebody else is proposed by `other`.
 * @param api `{ mine, other, platform }`: each asks `(method, path, body?, headers?)` and answers `{ status, body }`
 * @returns values by the name of the dictionary that test/fuzz/schemathesis.toml binds
 */
export async function seeds({ mine, other, platform }, { detectorUrl, until }) {
  const some = [0, 1, 2, 3];
  const each = (make) => Promise.all(some.map(make));
  const suffix = randomUUID().slice(0, 8);
  const policy = (bundle, version) => ({
    tenant_id: 'demo',
    policy_bundle: bundle,
    version,
    required_detectors: [shipped],
    coverage_calculation: { calculation_method: 'required_set' },
  });

  const detectors = await each(async (at) => {
    const name = `seed-${suffix}-${at}`;
    const capabilities = { supported_content_types: ['text'] };
    const registration = { name, endpoint: detectorUrl, tenant_id: 'demo', capabilities, verify: false };
    await made(mine, 'POST', '/detectors', { ...registration, ttl_seconds: 1800 });
    return name;
  });
  const bundles = [];
  for (const at of some) {
    const bundle = `seed-${suffix}-${at}`;
    const put = (version, options) =>
      made(other, 'PUT', `/policies/${bundle}`, { policy: policy(bundle, version), ...options });
    await put('1.0', {});
    await put('1.1', { requires_approval: true });
    await put('1.2', { draft: true });
    bundles.push(bundle);
  }
  // Not the bundle that comes with the product: whoever calls before has deleted it.
  const request = (fields = {}) => requestOf(bundles[0], fields);
  const judged = await each(() => made(mine, 'POST', '/orchestrate', request()));
  const jobs = await each(() => made(mine, 'POST', '/orchestrate', request({ processing_mode: 'async' })));
  const ended = async ({ job_id: id }) =>
    ['completed', 'failed'].includes((await made(mine, 'GET', `/orchestrate/status/${id}`)).status);
  for (const job of jobs) await until(() => ended(job));
  const lines = [request(), 'no request', request()].map((line) => JSON.stringify(line)).join('\n');
  const ndjson = { 'content-type': 'application/x-ndjson' };
  const bulk = await each(() => made(mine, 'POST', '/orchestrate/bulk', lines, ndjson));
  const uploads = await each((at) =>
    made(mine, 'POST', '/orchestrate/content', form(`text ${suffix} ${at}`)),
  );
  const entries = await each((at) =>
    made(other, 'POST', '/allow-list', {
      fingerprint: `${randomUUID().replaceAll('-', '')}`,
      detector: detectors[at],
      label: 'email',
      reason: 'a seed',
      expires_at: new Date(Date.now() + 86_400_000).toISOString(),
    }),
  );
  const simulate = () =>
    mine('POST', `/policies/${bundles[0]}/simulate`, { policy: policy(bundles[0], '9.0') });
  const simulations = [];
  await until(async () => {
    const { status, body } = await simulate();
    if (status === 202) simulations.push(body.simulation_id);
    return status !== 409;
  });
  const endpoints = await each(async (at) => {
    const config = { url: `https://seed-${suffix}-${at}.example`, name: `seed-${suffix}-${at}` };
    await made(platform, 'POST', '/registry/endpoints', { config, verify: false });
    return config.name;
  });
  const rotation = await made(platform, 'POST', '/keys/rotations', { tenant_id: 'demo' });
  await made(platform, 'PUT', '/tenants/seed', { name: 'A seed' });
  const { detectors: known } = await made(mine, 'GET', '/detectors?limit=200');

  return {
    detectors,
    known_detectors: [...new Set(known.map(({ name }) => name))],
    bundles,
    versions: ['1.0', '1.1', '1.2'],
    request_ids: judged.map(({ request_id: id }) => id),
    job_ids: jobs.map(({ job_id: id }) => id),
    bulk_ids: bulk.map(({ bulk_id: id }) => id),
    content_refs: uploads.map(({ content_ref: ref }) => ref),
    entry_ids: entries.map(({ entry_id: id }) => id),
    simulation_ids: simulations,
    endpoints,
    rotation_ids: [rotation.rotation_id],
  };
}

function requestOf(bundle, fields) {
  return {
    content: `a seed ${randomUUID()}`,
    content_type: 'text',
    tenant_id: 'demo',
    policy_bundle: bundle,
    environment: 'dev',
    ...fields,
  };
}

function form(text) {
  const made = new FormData();
  made.set('file', new Blob([text], { type: 'text/plain' }), 'seed.txt');
  return made;
}

async function made(ask, method, path, body, headers) {
  const { status, body: answer } = await ask(method, path, body, headers);
  if (status >= 200 && status < 300) return answer;
  throw new Error(`${method} ${path} answered ${status}: ${JSON.stringify(answer)}`);
}
