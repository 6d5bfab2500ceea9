import { nemoChecks } from '../../../../src/detectors/nemo-checks';
import { item } from '../adapter-support';
import { speaking, yes } from './support';

describe('The NeMo Guardrails adapter', () => {
  const { judge, findings, bodies, paths, itTakesNoOtherAnswer } = speaking(
    'nemo-checks',
    nemoChecks,
    '/v1/checks',
    {
      model: 'main',
      config_id: 'safety',
    },
  );

  it('has the last message checked by rails of a configuration', async () => {
    await judge(
      { status: 'passed', content: 'text' },
      { params: { rail_types: ['input'] }, items: [{ ...item('text'), metadata: { messages: [] } }] },
    );
    expect(bodies()).toEqual([
      {
        model: 'main',
        messages: [{ role: 'user', content: 'text' }],
        guardrails: { config_id: 'safety', rail_types: ['input'] },
      },
    ]);
    expect(paths()).toEqual(['/v1/checks']);
  });

  it.each([
    [{ status: 'passed', content: 'text' }, []],
    [{ status: 'blocked', content: 'no', rail: 'self check input' }, [yes('self check input')]],
    [{ status: 'blocked', content: 'no' }, [yes('blocked')]],
    [{ status: 'modified', content: '<PERSON>', rail: 'mask pii' }, [yes('mask pii')]],
    [{ status: 'modified', content: '<PERSON>', rail: null }, [yes('modified')]],
  ])('reads %j', async (answer, expected) => {
    expect(await findings(answer)).toEqual(expected);
  });

  itTakesNoOtherAnswer(
    ['the shape of the microservice', { status: 'success', rails_status: {} }],
    ['another status', { status: 'error', content: '' }],
  );
});

describe('The adapter of the NeMo microservice', () => {
  const { findings, bodies, paths, itTakesNoOtherAnswer } = speaking(
    'nemo-checks',
    nemoChecks,
    '/v1/guardrail/checks',
    { api: 'microservice', model: 'meta/llama-3.3-70b-instruct', config_id: 'safety', role: 'assistant' },
  );
  const rails = (status: string, statuses: Record<string, string>) => ({
    status,
    rails_status: Object.fromEntries(Object.entries(statuses).map(([rail, one]) => [rail, { status: one }])),
    guardrails_data: { log: { activated_rails: [], stats: {} }, config_ids: ['safety'] },
  });

  it('reads the status of every rail', async () => {
    expect(
      await findings(rails('blocked', { 'self check output': 'blocked', 'topic safety': 'success' })),
    ).toEqual([yes('self check output')]);
    expect(bodies()).toEqual([
      {
        model: 'meta/llama-3.3-70b-instruct',
        messages: [{ role: 'assistant', content: 'text' }],
        guardrails: { config_id: 'safety' },
      },
    ]);
    expect(paths()).toEqual(['/v1/guardrail/checks']);
    expect(await findings(rails('success', { 'self check output': 'success' }))).toEqual([]);
  });

  it('never takes a blocked message for clean', async () => {
    expect(await findings(rails('blocked', {}))).toEqual([yes('blocked')]);
  });

  itTakesNoOtherAnswer(
    ['the shape of the open-source server', { status: 'passed', content: '' }],
    ['a rail in another status', rails('success', { a: 'error' })],
  );
});
