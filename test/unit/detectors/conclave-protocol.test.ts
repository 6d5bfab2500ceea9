import { conclaveProtocol } from '../../../src/detectors/conclave-protocol';
import { type Behavior, inTurn, raw, status } from '../../support/fake-detectors';
import { item, upstream } from './adapter-support';

describe('The conclave protocol', () => {
  const { server, http, request, never } = upstream();
  const says = (answer: unknown): Behavior => raw(JSON.stringify(answer));

  function judge(behavior: Behavior, ...contents: string[]) {
    server.behave('judge', behavior);
    return conclaveProtocol(http)(request(contents.map((content, at) => item(content, `r${at}`))), never);
  }

  it('makes a call for each content, under its own request id and key', async () => {
    const answers = await judge(
      ({ contents }, response) =>
        void response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ output: contents[0] })),
      'one',
      'two',
      'three',
    );
    expect(answers.map((answer) => answer.kind === 'verdict' && answer.output)).toEqual([
      'one',
      'two',
      'three',
    ]);
    const keys = server.calls.map(({ headers }) => [headers['x-request-id'], headers['idempotency-key']]);
    expect(keys.toSorted()).toEqual([
      ['r0', 'r0:judge'],
      ['r1', 'r1:judge'],
      ['r2', 'r2:judge'],
    ]);
  });

  it('sends exactly the fields of the contract', async () => {
    await judge(says({ output: 'clean' }), 'one');
    expect(JSON.parse(server.calls[0]!.body)).toEqual({
      request_id: 'r0',
      content: 'one',
      content_type: 'text',
      metadata: null,
    });
  });

  it('takes the optional fields, and null for absent', async () => {
    const full = {
      output: 'toxic',
      confidence: 0.9,
      scores: { a: 1 },
      metadata: { b: 2 },
      detector_version: '3.1',
    };
    expect(await judge(says(full), 'one')).toEqual([
      {
        kind: 'verdict',
        output: 'toxic',
        confidence: 0.9,
        scores: { a: 1 },
        metadata: { b: 2 },
        version: '3.1',
      },
    ]);
    const bare = { output: 'toxic', confidence: null, scores: null, metadata: null, detector_version: null };
    const empty = {
      kind: 'verdict',
      output: 'toxic',
      confidence: null,
      scores: {},
      metadata: null,
      version: null,
    };
    expect(await judge(says(bare), 'one')).toEqual([empty]);
    expect(await judge(says({ output: 'toxic' }), 'one')).toEqual([empty]);
  });

  it.each([
    ['no output', {}],
    ['a blank output', { output: ' \n' }],
    ['an output that nothing is left of', { output: '\0' }],
    ['a score that is no number', { output: 'x', scores: { a: 'high' } }],
    ['metadata that is no object', { output: 'x', metadata: [1] }],
    ['text', 'clean'],
  ])('%s is an invalid response', async (_name, answer) => {
    await expect(judge(says(answer), 'one')).rejects.toMatchObject({ failure: 'invalid_response' });
  });

  it('fails as a whole when one call fails', async () => {
    await expect(judge(inTurn(says({ output: 'x' }), status(500)), 'one', 'two')).rejects.toMatchObject({
      failure: 'http_5xx',
    });
  });
});
