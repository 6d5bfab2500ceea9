import { detectorRegistrationSchema } from '../../../src/contract/registration';
import { withCapabilities } from '../../../src/detectors/capabilities';
import { Outbound } from '../../../src/outbound/outbound';
import { MockUpstream } from '../../support/mock-upstream';

const json = { 'content-type': 'application/json' };
const said = {
  detector: 'd',
  supported_content_types: ['text', 'code', 'hologram'],
  max_content_length: 1234,
  average_processing_time_ms: 20,
  taxonomy_categories: ['PII'],
  max_batch: 7,
};
const assumed = {
  supported_content_types: ['text'],
  max_content_length: 50_000,
  average_processing_time_ms: null,
  confidence_calibrated: false,
  batch_supported: false,
  taxonomy_categories: [],
  origin: 'assumed',
};

describe('withCapabilities', () => {
  const upstream = new MockUpstream();
  const outbound = new Outbound({ hosts: null, privateHosts: [], ownUrls: [], privateNetworks: true });
  beforeAll(() => upstream.listen());
  beforeEach(() => {
    upstream.reset();
    upstream.answer(200, json, JSON.stringify(said));
  });
  afterAll(async () => {
    await outbound.close();
    upstream.close();
  });
  const registered = (more: object = {}) =>
    detectorRegistrationSchema.parse({ name: 'd', endpoint: `${upstream.url}/judge`, ...more });
  const capabilitiesOf = async (more: object = {}) =>
    (await withCapabilities(registered(more), outbound)).capabilities;

  it('asks a detector whose registration does not say what it can do [3.1]', async () => {
    process.env['TEST_CAPABILITIES_TOKEN'] = 'sesame';
    const auth = { auth_type: 'bearer_token', auth_config: { secret_ref: 'env:TEST_CAPABILITIES_TOKEN' } };
    expect(await capabilitiesOf({ detector_id: 'inner', ...auth })).toEqual({
      supported_content_types: ['text', 'code'],
      max_content_length: 1234,
      average_processing_time_ms: 20,
      confidence_calibrated: false,
      batch_supported: false,
      taxonomy_categories: ['PII'],
      origin: 'fetched',
    });
    expect(upstream.seen).toMatchObject([
      {
        method: 'GET',
        url: '/capabilities',
        headers: { 'detector-id': 'inner', authorization: 'Bearer sesame' },
      },
    ]);
  });

  it('asks again one that is registered with what it said before', async () => {
    const before = await capabilitiesOf();
    upstream.answer(200, json, JSON.stringify({ ...said, max_content_length: 99 }));
    expect((await capabilitiesOf({ capabilities: before })).max_content_length).toBe(99);
  });

  it('takes a registration at its word, and asks no cloud', async () => {
    const declared = { supported_content_types: ['code'] };
    expect(await capabilitiesOf({ capabilities: declared })).toMatchObject({
      ...declared,
      origin: 'declared',
    });
    expect(await capabilitiesOf({ protocol: 'google-dlp', params: { project: 'p' } })).toEqual(assumed);
    expect(upstream.seen).toEqual([]);
  });

  it.each<[string, () => void]>([
    ['404', () => upstream.answer(404, json, JSON.stringify(said))],
    ['a redirect', () => upstream.answer(302, { location: '/elsewhere' })],
    ['HTML', () => upstream.answer(200, { 'content-type': 'text/html' }, '<html></html>')],
    ['another shape', () => upstream.answer(200, json, '{"supported_content_types": "text"}')],
    ['nothing that we know', () => upstream.answer(200, json, '{"supported_content_types": ["hologram"]}')],
    [
      'a nonsensical number',
      () => upstream.answer(200, json, JSON.stringify({ ...said, max_content_length: -1 })),
    ],
    [
      'more than it may',
      () => upstream.answer(200, json, JSON.stringify({ ...said, more: 'x'.repeat(100_000) })),
    ],
    ['a closed connection', () => (upstream.handler = (_request, response) => void response.destroy())],
  ])('falls back on text alone after %s', async (_name, arrange) => {
    arrange();
    expect(await capabilitiesOf()).toEqual(assumed);
  });

  it('does not wait for one that does not answer', async () => {
    upstream.handler = () => undefined;
    expect(await capabilitiesOf()).toEqual(assumed);
  });

  it('takes no image to a protocol that would read it as a text', async () => {
    upstream.answer(200, json, JSON.stringify({ ...said, supported_content_types: ['image', 'text'] }));
    expect((await capabilitiesOf({ protocol: 'presidio' })).supported_content_types).toEqual(['text']);
    expect((await capabilitiesOf()).supported_content_types).toEqual(['text', 'image']);
  });
});
