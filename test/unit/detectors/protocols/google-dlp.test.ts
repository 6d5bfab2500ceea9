import { googleDlp } from '../../../../src/detectors/google-dlp';
import { item } from '../adapter-support';
import { speaking } from './support';

const inspect = '/v2/projects/acme/locations/global/content:inspect';
const finding = (location: object | undefined, likelihood = 'LIKELY', name = 'EMAIL_ADDRESS') => ({
  infoType: { name },
  likelihood,
  location,
  createTime: '2026-11-21T00:00:00Z',
  findingId: '1',
});
const answer = (findings: object[], more: object = {}) => ({ result: { findings, ...more } });

describe('The Google DLP adapter', () => {
  const { judge, findings, unjudged, bodies, paths, itTakesNoOtherAnswer } = speaking(
    'google-dlp',
    googleDlp,
    inspect,
    {
      project: 'acme',
    },
  );

  it('asks for places, never for quotes', async () => {
    await judge(answer([]), {
      params: {
        info_types: ['EMAIL_ADDRESS'],
        min_likelihood: 'UNLIKELY',
        max_findings: 10,
        custom_info_types: [{ infoType: { name: 'OWN' }, regex: { pattern: 'x' } }],
        inspect_template: 'projects/acme/inspectTemplates/t',
      },
    });
    expect(bodies()).toEqual([
      {
        item: { value: 'text' },
        inspectConfig: {
          infoTypes: [{ name: 'EMAIL_ADDRESS' }],
          minLikelihood: 'UNLIKELY',
          limits: { maxFindingsPerRequest: 10 },
          includeQuote: false,
          customInfoTypes: [{ infoType: { name: 'OWN' }, regex: { pattern: 'x' } }],
        },
        inspectTemplateName: 'projects/acme/inspectTemplates/t',
      },
    ]);
    expect(paths()).toEqual([inspect]);
  });

  const content = '👩 é bob@example.com'; // the address: code points 4-19, bytes 8-23
  const sent = { items: [item(content)] };
  it.each([
    [
      'code points in strings',
      { codepointRange: { start: '4', end: '19' }, byteRange: { start: '8', end: '23' } },
    ],
    ['bytes in strings', { byteRange: { start: '8', end: '23' } }],
    ['numbers', { codepointRange: { start: 4, end: 19 } }],
  ])('reads %s', async (_what, location) => {
    expect(await findings(answer([finding(location)]), sent)).toMatchObject([{ start: 4, end: 19 }]);
  });

  it('takes a start that is left out for 0, as its JSON does', async () => {
    expect(await findings(answer([finding({ codepointRange: { end: '1' } })]), sent)).toMatchObject([
      { start: 0, end: 1 },
    ]);
  });

  it('takes a finding without a place as of the whole', async () => {
    expect(await findings(answer([finding(undefined)]))).toMatchObject([{ start: null, end: null }]);
  });

  it.each([
    ['VERY_UNLIKELY', 1, 0.05],
    ['UNLIKELY', 2, 0.25],
    ['POSSIBLE', 3, 0.5],
    ['LIKELY', 4, 0.75],
    ['VERY_LIKELY', 5, 0.95],
  ])('calibrates %s', async (likelihood, score, strength) => {
    expect(await findings(answer([finding(undefined, likelihood)]))).toMatchObject([
      { label: 'EMAIL_ADDRESS', score, strength, level: likelihood },
    ]);
    const own = { params: { calibration: { [likelihood]: 0.33 } } };
    expect(await findings(answer([finding(undefined, likelihood)]), own)).toMatchObject([{ strength: 0.33 }]);
  });

  it('says when there was more to find', async () => {
    const gap = { reason: 'findings_truncated', start: null, end: null, labels: null };
    expect(await unjudged(answer([finding(undefined)], { findingsTruncated: true }))).toEqual([gap]);
    expect(await unjudged(answer([], {}))).toBeUndefined();
    expect(await findings({ result: {} })).toEqual([]);
  });

  it('sends an image as bytes of its kind, and takes no place in it for one in a text', async () => {
    const image = (content: string) => ({ items: [item(content)], contentType: 'image' as const });
    const inText = { codepointRange: { start: '3', end: '900' }, contentLocations: [{}] };
    expect(await findings(answer([finding(inText)]), image('data:image/png;base64,/9j/4AAQ'))).toMatchObject([
      { label: 'EMAIL_ADDRESS', start: null, end: null },
    ]);
    await judge(answer([]), image('iVBORw0KGgo='));
    expect(bodies().map((body) => (body as { item: unknown }).item)).toEqual([
      { byteItem: { type: 'IMAGE_JPEG', data: '/9j/4AAQ' } },
      { byteItem: { type: 'IMAGE_PNG', data: 'iVBORw0KGgo=' } },
    ]);
    await expect(judge(answer([]), image('R0lGODlh'))).rejects.toMatchObject({ failure: 'plugin_error' });
  });

  itTakesNoOtherAnswer(
    ['no result', {}],
    ['a likelihood that nobody knows', answer([finding(undefined, 'LIKELIHOOD_UNSPECIFIED')])],
    ['a span outside the text', answer([finding({ codepointRange: { start: '0', end: '5' } })])],
    ['a span in the middle of a character', answer([finding({ byteRange: { start: '-1', end: '1' } })])],
    ['a backward span', answer([finding({ codepointRange: { start: '3', end: '1' } })])],
  );

  it('takes a byte in the middle of a character for an invalid response', async () => {
    await expect(
      judge(answer([finding({ byteRange: { start: '1', end: '4' } })]), sent),
    ).rejects.toMatchObject({ failure: 'invalid_response' });
  });
});
