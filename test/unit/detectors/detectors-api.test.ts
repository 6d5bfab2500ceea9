import { detectorsApi } from '../../../src/detectors/detectors-api';
import { raw } from '../../support/fake-detectors';
import { item, upstream } from './adapter-support';

describe('The Detectors API adapter', () => {
  const { server, http, request, never } = upstream();
  const finding = { start: 0, end: 3, detection: 'toxic', detection_type: 'tox', score: 0.9 };

  async function judge(answer: unknown, ...contents: string[]) {
    server.behave('judge', raw(JSON.stringify(answer)));
    const items = contents.map((content, index) => item(content, `r${index}`));
    return detectorsApi(http)(request(items, { params: { threshold: 0.5 } }), never);
  }

  it('sends all contents in one call, with parameters and the detector id', async () => {
    await judge([[], []], 'one', 'two');
    expect(server.calls).toHaveLength(1);
    const [call] = server.calls;
    expect(JSON.parse(call!.body)).toEqual({ contents: ['one', 'two'], detector_params: { threshold: 0.5 } });
    expect(call!.headers).toMatchObject({
      'detector-id': 'judge',
      'x-tenant-id': 'acme',
      'x-request-id': 'r0',
      'x-correlation-id': 'corr-1',
      'idempotency-key': 'run:judge:abc',
      accept: 'application/json',
    });
    expect(call!.headers.traceparent).toBeUndefined();
  });

  it('gives one answer per content, in order', async () => {
    const answers = await judge([[finding], []], 'one', 'two');
    expect(answers).toEqual([
      { kind: 'findings', findings: [{ label: 'toxic', score: 0.9, start: 0, end: 3 }], version: null },
      { kind: 'findings', findings: [], version: null },
    ]);
  });

  it('reads the shapes that servers in the field send', async () => {
    const recorded = {
      ...finding,
      text: 'one',
      evidence: [{ name: 'rule', value: 'x', score: 0.1, evidence: [] }],
      evidences: [],
      metadata: { a: 1 },
      unheard_of: true,
    };
    expect(await judge([[recorded]], 'one')).toHaveLength(1);
  });

  it.each([
    ['fewer lists than contents', [[]]],
    ['more lists than contents', [[], [], []]],
    ['an error body', { code: 200, message: 'oops' }],
    ['a list of findings', [finding, finding]],
    ['a span past the end', [[{ ...finding, end: 4 }], []]],
    ['a span past the end of another, longer content', [[], [{ ...finding, end: 7 }]]],
    ['a backward span', [[{ ...finding, start: 2, end: 1 }], []]],
    ['a fractional span', [[{ ...finding, start: 0.5 }], []]],
    ['a blank label', [[{ ...finding, detection: ' ' }], []]],
    ['a label that nothing is left of', [[{ ...finding, detection: '\0\ud800' }], []]],
    ['a score in words', [[{ ...finding, score: 'high' }], []]],
    ['a score of null', [[{ ...finding, score: null }], []]],
  ])('%s is an invalid response', async (_name, answer) => {
    await expect(judge(answer, 'one', 'longer')).rejects.toMatchObject({
      failure: 'invalid_response',
      options: { retryable: false },
    });
  });

  it('measures spans in code points', async () => {
    await expect(judge([[{ ...finding, end: 3 }]], '👩‍🚀')).resolves.toHaveLength(1);
    await expect(judge([[{ ...finding, end: 4 }]], '👩‍🚀')).rejects.toMatchObject({
      failure: 'invalid_response',
    });
  });
});
